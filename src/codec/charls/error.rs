//! Why CharLS gave no result, in its own words.

use std::ffi::CStr;

use charls_sys as ffi;

/// Why CharLS gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    /// CharLS's own error number; negative for errors found on our side of its API.
    pub(crate) code: i32,
    /// The error in words.
    pub(crate) message: String,
}

impl Error {
    pub(super) fn ours(message: &str) -> Error {
        Error { code: -1, message: message.to_owned() }
    }
}

/// What a call of CharLS came to.
///
/// # Errors
/// Whatever is not success.
pub(super) fn check(code: ffi::charls_jpegls_errc) -> Result<(), Error> {
    if code == ffi::charls_jpegls_errc_success {
        return Ok(());
    }
    // SAFETY: CharLS returns a pointer to a constant, null-terminated text for any number, known or not.
    let message = unsafe {
        let text = ffi::charls_get_error_message(code);
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    Err(Error { code, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_words() {
        let error = check(ffi::charls_jpegls_errc_destination_buffer_too_small).unwrap_err();
        assert!(error.message.contains("destination"), "{}", error.message);
    }
}
