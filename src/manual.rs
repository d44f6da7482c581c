//! The manual of the encoder core: how to compress, encapsulate, decompress and prove pixel data, task by task.
//!
//! Everything here works on bytes in memory or on any [`Source`](crate::dicom::Source), writes to any
//! `Write + Seek`, and needs neither node nor configuration. On the command line the same is done by `condenser compress`,
//! `decompress` and `inspect`.
//!
//! * [A first compression](#a-first-compression)
//! * [What can be compressed to what](#what-can-be-compressed-to-what)
//! * [Samples in memory](#samples-in-memory)
//! * [Choices](#choices)
//! * [With loss, on purpose](#with-loss-on-purpose)
//! * [Frames that someone else compressed](#frames-that-someone-else-compressed)
//! * [Single frames](#single-frames)
//! * [Decompression, and from one compression to another](#decompression-and-from-one-compression-to-another)
//! * [What a codestream says of itself](#what-a-codestream-says-of-itself)
//!
//! # A first compression
//!
//! A Part 10 file has a meta group and a data set. [`FileMeta::parse`](crate::dicom::FileMeta::parse) reads the first and says
//! where the second begins; [`walk`](crate::dicom::walk()) finds the elements of the second. Nothing is copied.
//! [`compress`](crate::codec::compress()) then writes a whole file in another transfer syntax.
//!
//! ```
//! use condenser::codec::{Options, compress};
//! use condenser::dicom::{FileMeta, Limits, Section, TransferSyntax, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr.as_bytes()].concat();
//! #     let length = value.len() as u32;
//! #     let length = if vr == "OW" { [&[0; 2][..], &length.to_le_bytes()].concat() } else { (length as u16).to_le_bytes().to_vec() };
//! #     [head, length, value.to_vec()].concat()
//! # }
//! # let mut ct_small = Vec::new();
//! # let native = TransferSyntax::of_name("ExplicitVRLittleEndian").ok_or("")?;
//! # FileMeta { transfer_syntax: native.uid.to_owned(), ..FileMeta::default() }.write(&mut ct_small)?;
//! # ct_small.extend([element(0x28, 2, "US", &[1, 0]), element(0x28, 4, "CS", b"MONOCHROME2 ")].concat());
//! # for (at, value) in [(0x10, 128_u16), (0x11, 128), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 1)] {
//! #     ct_small.extend(element(0x28, at, "US", &value.to_le_bytes()));
//! # }
//! # let cells: Vec<u8> = (0..128 * 128_i16).flat_map(|at| (at / 128 - at % 128).to_le_bytes()).collect();
//! # ct_small.extend(element(0x7FE0, 0x10, "OW", &cells));
//! // `ct_small` is a file in Explicit VR Little Endian, with 128 x 128 signed samples of 16 bits.
//! let (meta, start) = FileMeta::parse(&ct_small)?;
//! let source = Section::from(&ct_small, start)?;
//! let received = TransferSyntax::of_uid(&meta.transfer_syntax).ok_or("an unknown transfer syntax")?;
//! let data_set = walk(&source, received.vr_encoding, &Limits::default())?;
//!
//! let target = TransferSyntax::of_name("RLELossless").ok_or("no such transfer syntax")?;
//! let mut file = Cursor::new(Vec::new());
//! let report = compress(&source, &data_set, target, &meta, &Options::default(), &mut file)?;
//!
//! assert_eq!(report.native_bytes, 32768);
//! assert!(report.encoded_bytes < 32768);
//! // Every frame was decoded again, and compared cell by cell, before this was reached.
//! assert_eq!(report.verified_by, Some("rle"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Only the elements that the new encoding obliges us to change are changed; all others are the bytes that they were, the SOP
//! Instance UID among them. A deflated data set is [inflated](crate::dicom::inflate()) before it is walked.
//!
//! # What can be compressed to what
//!
//! PS3.5 8.2 says which images a transfer syntax may carry. [`allows`](crate::codec::allows()) is that table; what it refuses, it
//! refuses in a sentence that names both sides. Beyond the table an instance is kept as it is when it would not become smaller
//! (unless [`Options::may_grow`](crate::codec::Options) is set), when bits above Bits Stored hold something that the target would
//! drop, when it carries a digital signature, and when anything does not come back: see [`Reason`](crate::codec::Reason).
//!
//! ```
//! use condenser::codec::allows;
//! use condenser::dicom::{ImagePixel, Photometric, TransferSyntax};
//!
//! let image = ImagePixel {
//!     rows: 512, columns: 512, frames: 1, samples: 1, photometric: Photometric::Monochrome2, planar: 0,
//!     bits_allocated: 16, bits_stored: 12, high_bit: 11, signed: true,
//! };
//! let jpeg_ls = TransferSyntax::of_name("JPEGLSLossless").ok_or("no such transfer syntax")?;
//! assert!(allows(jpeg_ls, &image).is_ok());
//! let wide = ImagePixel { bits_allocated: 32, bits_stored: 32, high_bit: 31, ..image };
//! assert_eq!(
//!     allows(jpeg_ls, &wide).unwrap_err().to_string(),
//!     "it is 512x512 MONOCHROME2, 1 sample, 32 of 32 bits, signed, and JPEGLSLossless takes MONOCHROME1 or MONOCHROME2 \
//!      with 1 sample, 2 to 16 of 8 or 16 bits, signed or unsigned"
//! );
//! # Ok::<(), &str>(())
//! ```
//!
//! ## RLE Lossless
//!
//! | Photometric Interpretation | samples | sign | Bits Allocated | Bits Stored |
//! |---|---|---|---|---|
//! | MONOCHROME1, MONOCHROME2 | 1 | both | 8, 16 | 1 to 16 |
//! | PALETTE COLOR | 1 | unsigned | 8, 16 | 1 to 16 |
//! | YBR_FULL | 3 | unsigned | 8 | 1 to 8 |
//! | RGB | 3 | unsigned | 8, 16 | 1 to 16 |
//!
//! Every bit of a cell is kept, those above Bits Stored too. Planar Configuration stays what it was: it says how a reader lays
//! the decoded pixels out.
//!
//! ## JPEG-LS Lossless
//!
//! As RLE Lossless, but Bits Stored from 2 on. Samples have the precision of Bits Stored; signed ones are coded as the bits that
//! they are, since JPEG-LS knows no sign. Planar Configuration becomes 0.
//!
//! ## JPEG 2000 Lossless
//!
//! | Photometric Interpretation | samples | sign | Bits Allocated | Bits Stored |
//! |---|---|---|---|---|
//! | MONOCHROME1, MONOCHROME2 | 1 | both | 8, 16, 32 | 1 to 23 |
//! | PALETTE COLOR | 1 | unsigned | 8, 16 | 1 to 16 |
//! | YBR_FULL, RGB | 3 | unsigned | 8, 16, 32 | 1 to 22 |
//!
//! RGB is decorrelated by the reversible colour transform and becomes YBR_RCT, Planar Configuration becomes 0. Samples have the
//! precision of Bits Stored and their sign.
//!
//! ## JPEG Lossless, Process 14 and its Selection Value 1
//!
//! As RLE Lossless, and YBR_FULL of 16 bits too. Unsigned samples have the precision of Bits Stored; signed ones, and those with
//! something above Bits Stored, that of Bits Allocated, so that every bit is kept. Planar Configuration becomes 0. Process 14 takes
//! the best of seven predictors for each frame.
//!
//! ## Deflated Image Frame and Encapsulated Uncompressed
//!
//! Whatever has Pixel Data, cells of one bit too: a frame is its native cells, deflated or as they are.
//!
//! ## JPEG-LS Near-Lossless and JPEG 2000
//!
//! The tables of their lossless siblings without PALETTE COLOR: indices of a palette are not near each other. Samples may change
//! only [on purpose](#with-loss-on-purpose).
//!
//! # Samples in memory
//!
//! An [`Array`](crate::codec::Array) takes the place of the Pixel Data of a data set, with or without one, if it is what the
//! data set describes. What is not, is named from both sides.
//!
//! ```
//! use condenser::codec::{Array, Options, compress};
//! use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr.as_bytes()].concat();
//! #     [head, (value.len() as u16).to_le_bytes().to_vec(), value.to_vec()].concat()
//! # }
//! # let mut header = [element(0x28, 2, "US", &[3, 0]), element(0x28, 4, "CS", b"RGB "), element(0x28, 6, "US", &[0, 0])].concat();
//! # for (at, value) in [(0x10, 32_u16), (0x11, 48), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
//! #     header.extend(element(0x28, at, "US", &value.to_le_bytes()));
//! # }
//! // `header` is a data set without Pixel Data: 32 rows, 48 columns, RGB, 8 bits.
//! let data_set = walk(&header, VrEncoding::ExplicitLittle, &Limits::default())?;
//! let samples: Vec<u8> = (0..32 * 48 * 3).map(|at| (at / 144) as u8).collect();
//! let array = Array { samples: (&samples[..]).into(), frames: 1, rows: 32, columns: 48, samples_per_pixel: 3 };
//! let instance = array.in_data_set(&header, &data_set)?;
//!
//! let target = TransferSyntax::of_name("JPEG2000Lossless").ok_or("no such transfer syntax")?;
//! let mut file = Cursor::new(Vec::new());
//! compress(&instance.source, &instance.data_set, target, &FileMeta::default(), &Options::default(), &mut file)?;
//!
//! let turned = Array { rows: 48, columns: 32, ..array };
//! assert_eq!(
//!     turned.in_data_set(&header, &data_set).err().ok_or("it fits")?.to_string(),
//!     "Rows (0028,0010) is 32, and the array has 48 rows"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choices
//!
//! [`Options`](crate::codec::Options) says how to compress: which offset table, which encoder where there are several, whether
//! the result is proven, what the encoder aims at ([`Parameters`](crate::codec::Parameters)). By default everything is
//! proven, and the offset table is the one that fits. [`ENCODERS`](crate::codec::ENCODERS) is the table of what there is.
//!
//! ```
//! use condenser::codec::{ENCODERS, Exactness, Options, Parameters};
//! use condenser::dicom::OffsetTable;
//!
//! let options = Options {
//!     encoder: Some("charls".to_owned()),
//!     offset_table: Some(OffsetTable::Extended),
//!     ..Options::default()
//! };
//! assert!(options.verify && !options.may_grow);
//! let exact = ENCODERS.iter().filter(|encoder| encoder.exactness(&Parameters::default()) == Exactness::Exact);
//! assert!(exact.count() >= 3);
//! ```
//!
//! # With loss, on purpose
//!
//! Encoders that may change samples do so only where [`Options::lossy`](crate::codec::Options) allows it: otherwise the image is
//! kept, and the reason says so. What lost something is an instance of its own: it has a new SOP Instance UID, made of the old
//! one, of the data set and of the settings, and says how and of which instance it was derived. The report tells how far its
//! samples lie from what they were. Mammography, segmentations, maps and doses are kept all the same, see
//! [`Lossy`](crate::codec::Lossy).
//!
//! ```
//! use condenser::codec::{CompressError, Lossy, Options, Parameters, compress};
//! use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let mut bytes = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr.as_bytes()].concat();
//! #     if vr == "OB" { bytes.extend([0, 0]); bytes.extend((value.len() as u32).to_le_bytes()) }
//! #     else { bytes.extend((value.len() as u16).to_le_bytes()) }
//! #     [bytes, value.to_vec()].concat()
//! # }
//! # let mut data_set = [
//! #     element(0x08, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"), element(0x08, 0x18, "UI", b"1.2.3\0"),
//! #     element(0x28, 2, "US", &[1, 0]), element(0x28, 4, "CS", b"MONOCHROME2 "),
//! # ].concat();
//! # for (at, value) in [(0x10, 64_u16), (0x11, 64), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
//! #     data_set.extend(element(0x28, at, "US", &value.to_le_bytes()));
//! # }
//! # let cells: Vec<u8> = (0..4096_u32).map(|at| (at / 64 + at % 64 + at * at % 5) as u8).collect();
//! # data_set.extend(element(0x7FE0, 0x10, "OB", &cells));
//! // `data_set` is an image of 64 x 64 samples of 8 bits, with the SOP Instance UID 1.2.3.
//! let elements = walk(&data_set, VrEncoding::ExplicitLittle, &Limits::default())?;
//! let target = TransferSyntax::of_name("JPEGLSNearLossless").ok_or("no such transfer syntax")?;
//! let mut file = Cursor::new(Vec::new());
//! let refused = compress(&data_set, &elements, target, &FileMeta::default(), &Options::default(), &mut file);
//! assert!(matches!(refused, Err(CompressError::Kept(reason)) if reason.name() == "lossy_refused"));
//!
//! let parameters = Parameters { near: 2, ..Parameters::default() };
//! let options = Options { lossy: Lossy::Allowed, parameters, ..Options::default() };
//! let mut file = Cursor::new(Vec::new());
//! let report = compress(&data_set, &elements, target, &FileMeta::default(), &options, &mut file)?;
//! assert!(report.deviation.is_some_and(|deviation| deviation.largest <= 2));
//! let derived = report.derived.ok_or("nothing was lost")?;
//! assert!(derived.sop_instance.as_str().starts_with("2.25.") && derived.psnr.is_some_and(|psnr| psnr > 40.0));
//! assert_eq!(FileMeta::parse(file.get_ref())?.0.sop_instance, derived.sop_instance.as_str());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Frames that someone else compressed
//!
//! [`encapsulate`](crate::dicom::encapsulate()) and [`encapsulate_extended`](crate::dicom::encapsulate_extended()) give the elements
//! or values of encapsulated Pixel Data, with a Basic or an Extended Offset Table; frames may have several fragments
//! ([`encapsulate_value`](crate::dicom::encapsulate_value())).
//!
//! ```
//! use condenser::dicom::{OffsetTable, encapsulate, encapsulate_extended};
//!
//! let frames: [&[u8]; 2] = [b"the first codestream", b"the second"];
//! let elements = encapsulate(&frames, OffsetTable::Basic)?;
//! assert_eq!(elements[..4], [0xE0, 0x7F, 0x10, 0x00]);
//!
//! let values = encapsulate_extended(&frames)?;
//! assert_eq!(values.offsets, [0_u64, 28].map(u64::to_le_bytes).concat());
//! assert_eq!(values.lengths, [20_u64, 10].map(u64::to_le_bytes).concat());
//! # Ok::<(), condenser::dicom::EncapsulationError>(())
//! ```
//!
//! [`wrap`](crate::codec::wrap()) does more: it reads the header of every codestream, holds it against the data set, decodes the
//! frames, compares them with the native Pixel Data whose place they take, sets the Photometric Interpretation that the
//! codestreams have, and writes the file.
//!
//! ```
//! use condenser::codec::{WrapOptions, wrap};
//! use condenser::dicom::{FileMeta, Limits, TransferSyntax, VrEncoding, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr.as_bytes()].concat();
//! #     [head, (value.len() as u16).to_le_bytes().to_vec(), value.to_vec()].concat()
//! # }
//! # let mut header = [element(0x28, 2, "US", &[1, 0]), element(0x28, 4, "CS", b"MONOCHROME2 ")].concat();
//! # for (at, value) in [(0x10, 2_u16), (0x11, 4), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
//! #     header.extend(element(0x28, at, "US", &value.to_le_bytes()));
//! # }
//! // `header` describes an image of 2 rows, 4 columns, 8 bits. Someone made this RLE frame of it: a header of 64 bytes that
//! // says «one segment, from byte 64 on», and two runs of four equal bytes.
//! let data_set = walk(&header, VrEncoding::ExplicitLittle, &Limits::default())?;
//! let mut frame = vec![0; 64];
//! (frame[0], frame[4]) = (1, 64);
//! frame.extend([0xFD, 7, 0xFD, 9]);
//!
//! let syntax = TransferSyntax::of_name("RLELossless").ok_or("no such transfer syntax")?;
//! let (meta, options, mut file) = (FileMeta::default(), WrapOptions::default(), Cursor::new(Vec::new()));
//! let report = wrap(&[&frame], &header, &data_set, syntax, &meta, &options, &mut file)?;
//! assert_eq!(report.decoded_by, Some("rle"));
//!
//! // A frame of two segments is one of 16 bits.
//! (frame[0], frame[8]) = (2, 66);
//! let error = wrap(&[&frame], &header, &data_set, syntax, &meta, &options, &mut file).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "frame 1: Bits Allocated (0028,0100) is 8 with 1 sample, which makes 1 segment, and the codestream has 2"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Single frames
//!
//! A [`FrameReader`](crate::dicom::FrameReader) fetches one frame of encapsulated Pixel Data by its offset table, without a walk
//! through the others; [`EncapsulatedFrames`](crate::dicom::EncapsulatedFrames) finds all of them, by table, number or markers.
//! [`NativePixels`](crate::dicom::NativePixels) gives native frames. A [`Decoder`](crate::codec::Decoder) makes native
//! cells of a codestream.
//!
//! ```
//! use condenser::codec::{Coded, DECODERS, ENCODERS, Frame, Parameters};
//! use condenser::dicom::{EncapsulatedFrames, ImagePixel, Limits, OffsetTable, Photometric, VrEncoding, encapsulate, walk};
//!
//! let image = ImagePixel {
//!     rows: 8, columns: 8, frames: 2, samples: 1, photometric: Photometric::Monochrome2, planar: 0,
//!     bits_allocated: 8, bits_stored: 8, high_bit: 7, signed: false,
//! };
//! let rle = "1.2.840.10008.1.2.5";
//! let encoder = ENCODERS.iter().find(|encoder| encoder.transfer_syntax() == rle).ok_or("no encoder")?;
//! let decoder = DECODERS.iter().find(|decoder| decoder.transfer_syntax() == rle).ok_or("no decoder")?;
//!
//! let mut codestreams = Vec::new();
//! for value in [3, 5] {
//!     let mut codestream = Vec::new();
//!     encoder.encode(&Frame { cells: &[value; 64], image: &image }, &Parameters::default(), &mut codestream)?;
//!     codestreams.push(codestream);
//! }
//! let elements = encapsulate(&codestreams, OffsetTable::Basic)?;
//! let data_set = walk(&elements, VrEncoding::ExplicitLittle, &Limits::default())?;
//! let frames = EncapsulatedFrames::of(&elements, &data_set, image.frames)?;
//!
//! let mut cells = Vec::new();
//! decoder.decode(&Coded::alike(&frames.codestream(&elements, 1)?, &image), &mut cells)?;
//! assert_eq!(cells, [5; 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Decompression, and from one compression to another
//!
//! [`decompress`](crate::codec::decompress()) writes Explicit or Implicit VR Little Endian. [`compress`](crate::codec::compress()) takes
//! what came compressed when [`Options::recompress`](crate::codec::Options) allows it. Photometric Interpretation and
//! Planar Configuration become what the decoded image has, by themselves: nothing has to be set by hand between JPEG 2000 with
//! its colour transform and RLE.
//!
//! ```
//! use condenser::codec::{Options, Recompress, compress, decompress};
//! use condenser::dicom::{FileMeta, ImagePixel, Limits, Photometric, Section, TransferSyntax, VrEncoding, walk};
//! use std::io::Cursor;
//!
//! # fn element(group: u16, number: u16, vr: &str, value: &[u8]) -> Vec<u8> {
//! #     let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr.as_bytes()].concat();
//! #     let length = value.len() as u32;
//! #     let length = if vr == "OB" { [&[0; 2][..], &length.to_le_bytes()].concat() } else { (length as u16).to_le_bytes().to_vec() };
//! #     [head, length, value.to_vec()].concat()
//! # }
//! # let native = TransferSyntax::of_name("ExplicitVRLittleEndian").ok_or("")?;
//! # let mut us1 = [element(0x28, 2, "US", &[3, 0]), element(0x28, 4, "CS", b"RGB "), element(0x28, 6, "US", &[0, 0])].concat();
//! # for (at, value) in [(0x10, 64_u16), (0x11, 64), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
//! #     us1.extend(element(0x28, at, "US", &value.to_le_bytes()));
//! # }
//! # let cells: Vec<u8> = (0..64 * 64 * 3).map(|at| (at / 200) as u8).collect();
//! # us1.extend(element(0x7FE0, 0x10, "OB", &cells));
//! # let elements = walk(&us1, VrEncoding::ExplicitLittle, &Limits::default())?;
//! # let jpeg_2000 = TransferSyntax::of_name("JPEG2000Lossless").ok_or("")?;
//! # let mut file = Cursor::new(Vec::new());
//! # compress(&us1, &elements, jpeg_2000, &FileMeta::default(), &Options::default(), &mut file)?;
//! # let us1_j2kr = file.into_inner();
//! // `us1_j2kr` is an ultrasound image in JPEG 2000 Lossless, with the Photometric Interpretation YBR_RCT.
//! let (meta, start) = FileMeta::parse(&us1_j2kr)?;
//! let source = Section::from(&us1_j2kr, start)?;
//! let data_set = walk(&source, VrEncoding::ExplicitLittle, &Limits::default())?;
//! assert_eq!(ImagePixel::from_data_set(&source, &data_set)?.photometric, Photometric::YbrRct);
//!
//! let rle = TransferSyntax::of_name("RLELossless").ok_or("no such transfer syntax")?;
//! let options = Options { recompress: Recompress::LosslessOnly, ..Options::default() };
//! let mut us1_rle = Cursor::new(Vec::new());
//! let report = compress(&source, &data_set, rle, &meta, &options, &mut us1_rle)?;
//! assert_eq!((report.decoder, report.encoder), (Some("openjpeg"), Some("rle")));
//!
//! let us1_rle = us1_rle.into_inner();
//! let (meta, start) = FileMeta::parse(&us1_rle)?;
//! let source = Section::from(&us1_rle, start)?;
//! let data_set = walk(&source, VrEncoding::ExplicitLittle, &Limits::default())?;
//! assert_eq!(ImagePixel::from_data_set(&source, &data_set)?.photometric, Photometric::Rgb);
//!
//! let native = TransferSyntax::of_name("ExplicitVRLittleEndian").ok_or("no such transfer syntax")?;
//! let mut file = Cursor::new(Vec::new());
//! decompress(&source, &data_set, native, &meta, &Options::default(), &mut file)?;
//! # assert!(file.into_inner().ends_with(&cells));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without permission what came compressed stays as it came, byte for byte, and a lossy codestream is never taken for a
//! lossless one: `LosslessOnly` looks at the transfer syntax, `Always` at nothing.
//!
//! # What a codestream says of itself
//!
//! [`CodestreamHeader`](crate::codec::CodestreamHeader) reads the header of RLE, JPEG, JPEG-LS, JPEG 2000, HTJ2K and JPEG XL without
//! decoding it; [`disagreements`](crate::codec::disagreements()) holds it against a data set, each point
//! [impossible or only suspicious](crate::codec::Gravity). `condenser inspect` shows both. To prove a frame, and not only its header,
//! [`verify`](crate::codec::verify()) decodes it and compares, or measures how far it lies.
