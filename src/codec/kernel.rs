//! Which form of a kernel runs: the innermost loops are compiled for any processor, and again for what most have today.
//!
//! Both forms are the same text as a rule, inlined into a function that is compiled for more instructions; tests compare them.

/// The loops as compiled for some processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// For any processor: the reference.
    Portable,
    /// For x86-64 with AVX2, BMI1, BMI2 and LZCNT: every one since 2013 to 2015.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// The fastest one that this processor can run.
    pub(super) fn best() -> Kernel {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
        {
            return Kernel::Avx2;
        }
        Kernel::Portable
    }

    /// Whether this is the one with AVX2, and this processor can run it; else the portable one is to run, whatever was asked for.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn runs_avx2(self) -> bool {
        self == Kernel::Avx2 && Kernel::best() == Kernel::Avx2
    }
}
