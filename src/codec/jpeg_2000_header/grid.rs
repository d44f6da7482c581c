//! The reference grid of a codestream, its tiles and its precincts (ISO/IEC 15444-1 Annex B).

/// The reference grid (B.2, B.3): where image and tiles begin and end on either axis.
pub(super) struct Grid {
    pub(super) across: Axis,
    pub(super) down: Axis,
}

/// One of its directions.
pub(super) struct Axis {
    /// Where the image begins and ends.
    pub(super) image: (u32, u32),
    /// Where the first tile begins.
    pub(super) first_tile: u32,
    /// The length of a tile.
    pub(super) tile: u32,
}

impl Grid {
    pub(super) fn tiles(&self) -> u64 {
        self.across.tiles().saturating_mul(self.down.tiles())
    }

    /// The grid of one tile alone; tiles are numbered row by row.
    pub(super) fn of_tile(&self, tile: u32) -> Grid {
        let (row, column) = (u64::from(tile) / self.across.tiles(), u64::from(tile) % self.across.tiles());
        Grid { across: self.across.of_tile(column), down: self.down.of_tile(row) }
    }
}

impl Axis {
    pub(super) fn tiles(&self) -> u64 {
        u64::from(self.image.1 - self.first_tile).div_ceil(u64::from(self.tile))
    }

    pub(super) fn of_tile(&self, tile: u64) -> Axis {
        let (low, high) = self.image;
        let start = u64::from(self.first_tile) + tile * u64::from(self.tile);
        // Within the image, so within 32 bits.
        let first_tile = u32::try_from(start).unwrap_or(high).min(high);
        let end = first_tile.saturating_add(self.tile).min(high);
        Axis { image: (low.max(first_tile), end), first_tile, tile: self.tile }
    }

    /// How many precincts there are along this axis in all tiles at a resolution that is `below` halvings under the
    /// full one, precincts being 2^`exponent` samples wide (B.5, B.6).
    pub(super) fn precincts(&self, below: u32, exponent: u32) -> u64 {
        let reduced = |coordinate: u64| coordinate.div_ceil(1 << below);
        let (low, high) = (u64::from(self.image.0), u64::from(self.image.1));
        (0..self.tiles())
            .map(|tile| {
                let start = u64::from(self.first_tile) + tile * u64::from(self.tile);
                let end = (start + u64::from(self.tile)).min(high);
                let (start, end) = (reduced(start.max(low)), reduced(end));
                if end > start { end.div_ceil(1 << exponent) - (start >> exponent) } else { 0 }
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Precincts are counted as they lie on the grid, in tiles that begin within one.
    #[test]
    fn precincts_lie_on_the_grid() {
        let axis = Axis { image: (5, 60), first_tile: 5, tile: 20 };
        assert_eq!(axis.tiles(), 3);
        // 5..25, 25..45 and 45..60 in precincts of 16: four parts of 0..16, 16..32, 32..48 and 48..64 each cut once or not.
        assert_eq!(axis.precincts(0, 4), 2 + 2 + 2);
        assert_eq!(axis.precincts(0, 15), 3);
        // Halved twice: 2..7, 7..12, 12..15 in precincts of four.
        assert_eq!(axis.precincts(2, 2), 2 + 2 + 1);
        let middle = axis.of_tile(1);
        assert_eq!((middle.image, middle.tiles(), middle.precincts(0, 4)), ((25, 45), 1, 2));
    }
}
