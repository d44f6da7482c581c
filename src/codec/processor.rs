//! What the processor at hand can do, for kernels that are compiled twice.

/// Whether it has what the functions marked `avx2,bmi1,bmi2,lzcnt` are compiled for.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}
