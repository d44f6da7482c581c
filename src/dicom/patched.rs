//! A source of which a few bytes are others: what stands deep within a sequence is changed without writing the sequence anew.

use super::source::Source;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

/// Another source with other bytes in some places, of the same length.
pub struct Patched<'s> {
    source: &'s dyn Source,
    /// What stands where, by its first byte; no two overlap.
    patches: BTreeMap<u64, Vec<u8>>,
}

impl<'s> Patched<'s> {
    /// `source` with these bytes in place of as many of its own, from each offset on. The places must not overlap.
    pub fn new(source: &'s dyn Source, patches: BTreeMap<u64, Vec<u8>>) -> Patched<'s> {
        Patched { source, patches }
    }
}

impl Source for Patched<'_> {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn bytes(&self, range: Range<u64>) -> io::Result<Cow<'_, [u8]>> {
        let mut bytes = self.source.bytes(range.clone())?;
        // One that begins before the range may reach into it.
        let before = self.patches.range(..range.start).next_back();
        for (start, patch) in before.into_iter().chain(self.patches.range(range.clone())) {
            for (at, byte) in (*start..).zip(patch).filter(|(at, _)| range.contains(at)) {
                if let Some(place) = bytes.to_mut().get_mut((at - range.start) as usize) {
                    *place = *byte;
                }
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_shows_what_was_patched() {
        let bytes: Vec<u8> = (0..20).collect();
        let patches = BTreeMap::from([(3, vec![103, 104, 105]), (10, vec![110]), (18, vec![118, 119])]);
        let mut expected = bytes.clone();
        for (start, patch) in &patches {
            expected[*start as usize..*start as usize + patch.len()].copy_from_slice(patch);
        }
        let patched = Patched::new(&bytes, patches);
        assert_eq!(patched.len(), 20);
        for start in 0..=20_u64 {
            for end in start..=20 {
                let found = patched.bytes(start..end).unwrap();
                assert_eq!(*found, expected[start as usize..end as usize], "{start}..{end}");
            }
        }
        assert!(matches!(patched.bytes(11..18), Ok(Cow::Borrowed(_))), "nothing is copied without need");
        assert!(patched.bytes(19..21).is_err());
    }
}
