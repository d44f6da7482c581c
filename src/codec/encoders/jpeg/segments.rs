//! Marker segments as an encoder writes them (ISO/IEC 10918-1 B.1.1.4, B.2.4.2).

use super::super::super::jpeg_stream::marker;
use super::huffman_code::HuffmanCode;

/// Writes a segment: its length counts itself. The content has 65533 bytes at most.
pub(crate) fn segment(marker: u8, content: &[u8], out: &mut Vec<u8>) {
    out.extend([0xFF, marker]);
    out.extend((content.len() as u16 + 2).to_be_bytes());
    out.extend(content);
}

/// Writes a DHT segment: class and destination in one byte, and the code.
pub(crate) fn define_huffman_code<const SYMBOLS: usize>(
    place: u8,
    code: &HuffmanCode<SYMBOLS>,
    out: &mut Vec<u8>,
) {
    let (counts, symbols) = code.specification();
    segment(marker::DEFINE_HUFFMAN_TABLES, &[&[place], &counts[..], &symbols].concat(), out);
}
