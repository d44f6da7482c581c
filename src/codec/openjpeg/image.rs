//! The library's image: an array of 32-bit samples for each component.

use super::super::jpeg_2000_header::FrameHeader;
use super::error::Error;
use std::ptr::NonNull;

use openjpeg_sys as ffi;

/// The most samples of a frame: for each the library takes four bytes and more.
pub(crate) const MOST_SAMPLES: u64 = 1 << 29;

/// Whether the library can hold such a frame.
///
/// # Errors
/// When it has no samples, or more than [`MOST_SAMPLES`].
pub(super) fn check_frame(frame: &FrameHeader) -> Result<(), Error> {
    let samples = u64::from(frame.columns) * u64::from(frame.rows) * u64::from(frame.components);
    if samples == 0 || samples > MOST_SAMPLES {
        return Err(Error(format!("a frame has 1 to {MOST_SAMPLES} samples here, and this one {samples}")));
    }
    Ok(())
}

/// An image of the library with all its components.
pub(super) struct Image(pub(super) NonNull<ffi::opj_image_t>);

impl Image {
    pub(super) fn new(frame: &FrameHeader) -> Result<Image, Error> {
        let component = ffi::opj_image_cmptparm_t {
            dx: 1,
            dy: 1,
            w: frame.columns,
            h: frame.rows,
            x0: 0,
            y0: 0,
            prec: u32::from(frame.precision),
            bpp: u32::from(frame.precision),
            sgnd: u32::from(frame.signed),
        };
        let mut components = vec![component; usize::from(frame.components)];
        let space = ffi::OPJ_COLOR_SPACE::OPJ_CLRSPC_UNSPECIFIED;
        // SAFETY: the slice holds as many component parameters as are announced, and the library copies them.
        let image =
            unsafe { ffi::opj_image_create(u32::from(frame.components), components.as_mut_ptr(), space) };
        let image =
            NonNull::new(image).map(Image).ok_or_else(|| Error("no memory for the image".to_owned()))?;
        // SAFETY: the image is live and ours alone.
        unsafe {
            let image = &mut *image.0.as_ptr();
            (image.x1, image.y1) = (frame.columns, frame.rows);
        }
        Ok(image)
    }

    fn described(&self) -> &[ffi::opj_image_comp_t] {
        // SAFETY: the image is live; the library keeps `numcomps` components at `comps`, or has null there.
        unsafe {
            let image = &*self.0.as_ptr();
            if image.comps.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(image.comps, image.numcomps as usize)
            }
        }
    }

    /// Whether every component has the size, precision and sign of a frame.
    pub(super) fn is_of(&self, frame: &FrameHeader) -> bool {
        let components = self.described();
        components.len() == usize::from(frame.components)
            && components.iter().all(|component| {
                // Before decoding the library has not computed width and height yet: they are those of the whole image.
                (component.w, component.h) == (frame.columns, frame.rows)
                    && component.prec == u32::from(frame.precision)
                    && (component.sgnd == 1) == frame.signed
            })
    }

    /// The samples of each component.
    pub(super) fn components_mut(&mut self, frame: &FrameHeader) -> Result<Vec<&mut [i32]>, Error> {
        let samples = frame.columns as usize * frame.rows as usize;
        let components = self.described();
        let whole = |component: &ffi::opj_image_comp_t| {
            !component.data.is_null() && component.w as usize * component.h as usize == samples
        };
        if !components.iter().all(whole) {
            return Err(Error("a component has no samples".to_owned()));
        }
        // SAFETY: the library keeps w × h samples at each component's `data`, a block of its own for each, which nothing
        // else touches while the image is borrowed mutably.
        Ok(components
            .iter()
            .map(|component| unsafe { std::slice::from_raw_parts_mut(component.data, samples) })
            .collect())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the image came from the library, is destroyed only here and is used by nothing afterwards.
        unsafe { ffi::opj_image_destroy(self.0.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_the_components_of_its_frame_and_of_no_other() {
        let frame = FrameHeader { columns: 7, rows: 5, components: 3, precision: 12, signed: true };
        let mut image = Image::new(&frame).unwrap();
        assert!(image.is_of(&frame));
        for other in [
            FrameHeader { columns: 5, rows: 7, ..frame },
            FrameHeader { components: 2, ..frame },
            FrameHeader { precision: 11, ..frame },
            FrameHeader { signed: false, ..frame },
        ] {
            assert!(!image.is_of(&other), "{other}");
        }
        for (at, component) in image.components_mut(&frame).unwrap().into_iter().enumerate() {
            assert_eq!(component.len(), 35);
            component.fill(at as i32);
        }
        let components = image.components_mut(&frame).unwrap();
        assert!(components.iter().zip(0..).all(|(component, at)| component.iter().all(|one| *one == at)));
        assert!(image.components_mut(&FrameHeader { rows: 6, ..frame }).is_err());
        assert!(check_frame(&FrameHeader { rows: 0, ..frame }).is_err());
    }
}
