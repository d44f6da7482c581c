//! The library's codec, and what it says while it fails.

use super::error::Error;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

use openjpeg_sys as ffi;

/// Yes and no to the library.
pub(super) const TRUE: ffi::OPJ_BOOL = 1;
pub(super) const FALSE: ffi::OPJ_BOOL = 0;
/// What is kept of the library's words.
const MOST_WORDS: usize = 1000;

/// What the library says while it fails.
pub(super) struct Messages(RefCell<String>);

impl Messages {
    pub(super) fn new() -> Messages {
        Messages(RefCell::default())
    }

    pub(super) fn error(&self) -> Error {
        let said = self.0.take();
        Error(if said.is_empty() { "it does not say why".to_owned() } else { said })
    }
}

/// Takes one of the library's messages, up to a length.
unsafe extern "C" fn keep_message(message: *const c_char, kept: *mut c_void) {
    if message.is_null() || kept.is_null() {
        return;
    }
    // SAFETY: `kept` is the cell of a `Messages` that outlives the codec (see `Codec::new`), only ever shared; the
    // library gives a null-terminated text.
    let (kept, message) = unsafe { (&*kept.cast::<RefCell<String>>(), CStr::from_ptr(message)) };
    if let Ok(mut kept) = kept.try_borrow_mut() {
        let line = message.to_string_lossy();
        let line = line.trim();
        if !line.is_empty() && kept.len() + line.len() < MOST_WORDS {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(line);
        }
    }
}

/// A codec of the library, which says to [`Messages`] why it fails.
pub(super) struct Codec<'m>(pub(super) NonNull<ffi::opj_codec_t>, std::marker::PhantomData<&'m Messages>);

impl<'m> Codec<'m> {
    pub(super) fn new(codec: *mut ffi::opj_codec_t, messages: &'m Messages) -> Result<Codec<'m>, Error> {
        let codec = NonNull::new(codec).ok_or_else(|| Error("no memory for a codec".to_owned()))?;
        let codec = Codec(codec, std::marker::PhantomData);
        let kept = (&raw const messages.0).cast_mut().cast::<c_void>();
        // SAFETY: the codec is live; the messages outlive it by the lifetime 'm, and the callback only shares them.
        unsafe { ffi::opj_set_error_handler(codec.0.as_ptr(), Some(keep_message), kept) };
        Ok(codec)
    }
}

impl Drop for Codec<'_> {
    fn drop(&mut self) {
        // SAFETY: the codec came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_destroy_codec(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_says_is_kept_up_to_a_length() {
        let messages = Messages::new();
        let kept = (&raw const messages.0).cast_mut().cast::<c_void>();
        let say = |text: &CStr| {
            // SAFETY: the text ends with null, and the messages live.
            unsafe { keep_message(text.as_ptr(), kept) }
        };
        // SAFETY: null is looked at before anything else.
        unsafe { keep_message(std::ptr::null(), kept) };
        assert_eq!(messages.error().to_string(), "it does not say why");
        say(c"one\n");
        say(c" \n");
        say(c"two");
        assert_eq!(messages.error().to_string(), "one; two");
        (0..10_000).for_each(|_| say(c"the same again"));
        assert!(messages.error().to_string().len() <= MOST_WORDS + "; ".len());
    }
}
