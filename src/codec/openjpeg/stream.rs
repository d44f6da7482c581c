//! Codestreams in memory, as the library reads and writes them: by callbacks.

use super::error::Error;
use super::handle::{FALSE, TRUE};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr::{self, NonNull};

use openjpeg_sys as ffi;

/// What a read at the end and a failed write or skip return.
const NOTHING: usize = usize::MAX;
/// The library's own buffer for a stream; it moves more than this at once past it.
const STREAM_BUFFER: usize = 64 << 10;

/// A codestream that is read.
pub(super) struct Input<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) at: Cell<usize>,
}

/// A codestream that is written.
pub(super) struct Output {
    pub(super) bytes: RefCell<Vec<u8>>,
    pub(super) at: Cell<usize>,
}

/// A stream of the library over an [`Input`] or [`Output`], which it must not outlive.
pub(super) struct Stream<'d>(pub(super) NonNull<ffi::opj_stream_t>, std::marker::PhantomData<&'d ()>);

impl<'d> Stream<'d> {
    pub(super) fn of(input: &'d Input<'_>) -> Result<Stream<'d>, Error> {
        let stream = Stream::new(TRUE)?;
        let data = (&raw const *input).cast_mut().cast::<c_void>();
        // SAFETY: the stream is live; the input outlives it by the lifetime 'd and is only shared by the callbacks, which
        // are those of an `Input`. There is nothing to free.
        unsafe {
            let stream = stream.0.as_ptr();
            ffi::opj_stream_set_user_data(stream, data, None);
            ffi::opj_stream_set_user_data_length(stream, input.bytes.len() as u64);
            ffi::opj_stream_set_read_function(stream, Some(read_input));
            ffi::opj_stream_set_skip_function(stream, Some(skip_input));
            ffi::opj_stream_set_seek_function(stream, Some(seek_input));
        }
        Ok(stream)
    }

    pub(super) fn to(output: &'d Output) -> Result<Stream<'d>, Error> {
        let stream = Stream::new(FALSE)?;
        let data = (&raw const *output).cast_mut().cast::<c_void>();
        // SAFETY: as in `of`, with the callbacks of an `Output`.
        unsafe {
            let stream = stream.0.as_ptr();
            ffi::opj_stream_set_user_data(stream, data, None);
            ffi::opj_stream_set_write_function(stream, Some(write_output));
            ffi::opj_stream_set_skip_function(stream, Some(skip_output));
            ffi::opj_stream_set_seek_function(stream, Some(seek_output));
        }
        Ok(stream)
    }

    fn new(is_input: ffi::OPJ_BOOL) -> Result<Stream<'d>, Error> {
        // SAFETY: takes numbers; returns a new stream that we own, or null when memory is short.
        let stream = unsafe { ffi::opj_stream_create(STREAM_BUFFER, is_input) };
        let stream = NonNull::new(stream).ok_or_else(|| Error("no memory for a stream".to_owned()))?;
        Ok(Stream(stream, std::marker::PhantomData))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // SAFETY: the stream came from `create`, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_stream_destroy(self.0.as_ptr()) }
    }
}

unsafe extern "C" fn read_input(buffer: *mut c_void, bytes: usize, input: *mut c_void) -> usize {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    let rest = input.bytes.get(input.at.get()..).unwrap_or_default();
    let count = rest.len().min(bytes);
    if count == 0 {
        return NOTHING;
    }
    // SAFETY: the library gives room for `bytes` bytes, apart from the input; `count` is no more.
    unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), buffer.cast::<u8>(), count) };
    input.at.set(input.at.get() + count);
    count
}

unsafe extern "C" fn skip_input(bytes: i64, input: *mut c_void) -> i64 {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    // The library counts what it has skipped, and never skips backwards.
    let left = input.bytes.len().saturating_sub(input.at.get());
    let count = usize::try_from(bytes).unwrap_or(0).min(left);
    input.at.set(input.at.get() + count);
    if count == 0 { -1 } else { i64::try_from(count).unwrap_or(-1) }
}

unsafe extern "C" fn seek_input(to: i64, input: *mut c_void) -> ffi::OPJ_BOOL {
    // SAFETY: `input` is what `Stream::of` has set.
    let input = unsafe { &*input.cast::<Input<'_>>() };
    match usize::try_from(to) {
        Ok(to) if to <= input.bytes.len() => {
            input.at.set(to);
            TRUE
        }
        _ => FALSE,
    }
}

unsafe extern "C" fn write_output(bytes: *mut c_void, count: usize, output: *mut c_void) -> usize {
    // SAFETY: `output` is what `Stream::to` has set; the library gives `count` bytes, apart from the output.
    let (output, written) =
        unsafe { (&*output.cast::<Output>(), std::slice::from_raw_parts(bytes.cast::<u8>(), count)) };
    let Ok(mut bytes) = output.bytes.try_borrow_mut() else { return NOTHING };
    let (at, length) = (output.at.get(), bytes.len());
    let Some(end) = at.checked_add(count) else { return NOTHING };
    if bytes.try_reserve(end.saturating_sub(length)).is_err() {
        return NOTHING;
    }
    if end > length {
        bytes.resize(end, 0);
    }
    let Some(place) = bytes.get_mut(at..end) else { return NOTHING };
    place.copy_from_slice(written);
    output.at.set(end);
    count
}

unsafe extern "C" fn skip_output(bytes: i64, output: *mut c_void) -> i64 {
    // SAFETY: `output` is what `Stream::to` has set.
    let output = unsafe { &*output.cast::<Output>() };
    match usize::try_from(bytes).ok().and_then(|bytes| output.at.get().checked_add(bytes)) {
        Some(at) => {
            output.at.set(at);
            bytes
        }
        None => -1,
    }
}

unsafe extern "C" fn seek_output(to: i64, output: *mut c_void) -> ffi::OPJ_BOOL {
    // SAFETY: `output` is what `Stream::to` has set.
    let output = unsafe { &*output.cast::<Output>() };
    match usize::try_from(to) {
        Ok(to) => {
            output.at.set(to);
            TRUE
        }
        Err(_) => FALSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_to_its_end_and_not_beyond() {
        let input = Input { bytes: &[1, 2, 3, 4, 5], at: Cell::new(0) };
        let data = (&raw const input).cast_mut().cast::<c_void>();
        let mut buffer = [0_u8; 3];
        let mut read = |count| {
            // SAFETY: the buffer has room for three bytes, and the input lives.
            let taken = unsafe { read_input(buffer.as_mut_ptr().cast(), count, data) };
            (taken, buffer)
        };
        assert_eq!(read(3), (3, [1, 2, 3]));
        assert_eq!(read(3), (2, [4, 5, 3]));
        assert_eq!(read(3), (NOTHING, [4, 5, 3]));
        // SAFETY: the input lives.
        let (seek, skip) = unsafe { (|to| seek_input(to, data), |bytes| skip_input(bytes, data)) };
        assert_eq!([seek(1), seek(6), seek(-1)], [TRUE, FALSE, FALSE]);
        assert_eq!([skip(2), skip(-2), skip(9), skip(1)], [2, -1, 2, -1]);
    }

    #[test]
    fn an_output_grows_where_it_is_written() {
        let output = Output { bytes: RefCell::new(Vec::new()), at: Cell::new(0) };
        let data = (&raw const output).cast_mut().cast::<c_void>();
        let write = |bytes: &[u8]| {
            // SAFETY: the library only reads the bytes, and the output lives.
            unsafe { write_output(bytes.as_ptr().cast_mut().cast(), bytes.len(), data) }
        };
        assert_eq!(write(&[1, 2, 3]), 3);
        // SAFETY: the output lives.
        let moved = unsafe { [skip_output(2, data), skip_output(-1, data)] };
        assert_eq!(moved, [2, -1]);
        assert_eq!(write(&[4]), 1);
        // SAFETY: the output lives.
        let sought = unsafe { [seek_output(1, data), seek_output(-1, data)] };
        assert_eq!(sought, [TRUE, FALSE]);
        assert_eq!(write(&[9]), 1);
        assert_eq!(*output.bytes.borrow(), [1, 9, 3, 0, 0, 4]);
        // Nothing is reserved for what cannot be there.
        output.at.set(usize::MAX);
        assert_eq!(write(&[1, 2]), NOTHING);
    }
}
