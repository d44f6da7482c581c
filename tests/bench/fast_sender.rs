//! A C-STORE user that is never the bottleneck: every PDU is laid out before the clock starts and written whole.
//!
//! It speaks PS3.8 and PS3.7 on its own bytes and shares no code with Condenser, so that it can also drive others.
//!
//! `fast_sender [options] ADDRESS FILE|FOLDER…` sends each Part 10 file once, or `--count` instances in all: each time
//! a file is sent again, the last digits of its SOP Instance UID are counted on, so that it is another instance.
//! A file of more than 256 MiB is read and sent as a stream instead.
//!
//! Prints one line: `instances=… bytes=… seconds=… per_second=… mb_per_second=…`. Exit code 1 when anything was not
//! answered with Success.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: fast_sender [--called AE] [--calling AE] [--associations N] [--count N] [--pdu BYTES] \
                     ADDRESS FILE|FOLDER...";
/// Larger files are not laid out beforehand.
const STREAM_FROM: u64 = 256 << 20;
/// How many digits at the end of a SOP Instance UID are counted on.
const DIGITS: usize = 7;
const WAIT: Duration = Duration::from_secs(600);

struct Options {
    called: String,
    calling: String,
    associations: usize,
    count: Option<usize>,
    pdu: u32,
    address: String,
    files: Vec<PathBuf>,
}

/// What is known of a Part 10 file without its data set.
#[derive(Clone)]
struct Part10 {
    path: PathBuf,
    sop_class: String,
    sop_instance: String,
    transfer_syntax: String,
    data_set: u64,
    len: u64,
}

/// A C-STORE request as its bytes on the wire, and where in them the counted digits of the SOP Instance UID lie.
struct Laid {
    wire: Vec<u8>,
    digits: Vec<Vec<usize>>,
    data_set_len: u64,
}

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let files = options.files.iter().map(|path| Part10::read(path)).collect::<Result<Vec<_>>>()?;
    if files.len() < options.associations {
        return Err(format!("{} files for {} associations", files.len(), options.associations).into());
    }
    let count = options.count.unwrap_or(files.len());
    let options = Arc::new(options);
    // Every association is open and every PDU laid out before the first byte is sent.
    let barrier = Arc::new(Barrier::new(options.associations + 1));
    let workers: Vec<_> = (0..options.associations)
        .map(|number| {
            let (options, barrier) = (Arc::clone(&options), Arc::clone(&barrier));
            let own: Vec<Part10> = files.iter().skip(number).step_by(options.associations).cloned().collect();
            let share = count / options.associations + usize::from(number < count % options.associations);
            thread::spawn(move || work(&options, number, &own, share, &barrier))
        })
        .collect();
    barrier.wait();
    let started = Instant::now();
    let (mut bytes, mut instances) = (0, 0);
    for worker in workers {
        let sent = worker.join().map_err(|_| "a sending thread panicked")??;
        bytes += sent.0;
        instances += sent.1;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "instances={instances} bytes={bytes} seconds={seconds:.3} per_second={:.1} mb_per_second={:.1}",
        instances as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
    Ok(())
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            called: "CONDENSER".into(),
            calling: "FASTSENDER".into(),
            associations: 1,
            count: None,
            pdu: 1 << 17,
            address: String::new(),
            files: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--called" => options.called = value()?,
                "--calling" => options.calling = value()?,
                "--associations" => options.associations = value()?.parse::<usize>()?.max(1),
                "--count" => options.count = Some(value()?.parse()?),
                "--pdu" => options.pdu = value()?.parse()?,
                option if option.starts_with('-') => return Err(USAGE.into()),
                _ if options.address.is_empty() => options.address = argument,
                _ => options.files.extend(files_in(Path::new(&argument))?),
            }
        }
        if options.address.is_empty() { Err(USAGE.into()) } else { Ok(options) }
    }
}

/// A file, or every `.dcm` of a folder in order of their names.
fn files_in(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found: Vec<PathBuf> =
        fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    found.sort();
    Ok(found)
}

impl Part10 {
    /// Reads the file meta group (PS3.10 7.1).
    fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(1 << 16).read_to_end(&mut head)?;
        if head.get(128..132) != Some(b"DICM") {
            return Err(format!("{}: not a Part 10 file", path.display()).into());
        }
        let mut found = Self {
            path: path.into(),
            sop_class: "".into(),
            sop_instance: "".into(),
            transfer_syntax: "".into(),
            data_set: 132,
            len,
        };
        let mut at = 132;
        while let Some(header) = head.get(at..at + 8).filter(|header| header.starts_with(&[2, 0])) {
            let long = matches!(&header[4..6], b"OB" | b"UN" | b"UT" | b"OW" | b"SQ");
            let (start, length) = if long {
                (at + 12, head.get(at + 8..at + 12).map_or(0, little))
            } else {
                (at + 8, little(&header[6..8]))
            };
            let value = head.get(start..start + length).ok_or("file meta is too long")?;
            let text = || String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned();
            match little(&header[2..4]) {
                0x0002 => found.sop_class = text(),
                0x0003 => found.sop_instance = text(),
                0x0010 => found.transfer_syntax = text(),
                _ => {}
            }
            at = start + length;
        }
        found.data_set = at as u64;
        Ok(found)
    }

    fn data_set_len(&self) -> u64 {
        self.len - self.data_set
    }
}

fn little(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// One association: opens it, lays out its files, waits for the others, sends its share.
fn work(
    options: &Options,
    number: usize,
    files: &[Part10],
    share: usize,
    barrier: &Barrier,
) -> Result<(u64, usize)> {
    let prepared = prepare(options, files);
    barrier.wait();
    let (mut association, mut laid) = prepared?;
    let mut sent = (0, 0);
    for turn in 0..share {
        let Some(index) = turn.checked_rem(files.len()) else { break };
        let round = turn / files.len();
        let status = match &mut laid[index] {
            Some(laid) => {
                if round > 0 {
                    laid.count_on(number + options.associations * round);
                }
                association.socket.write_all(&laid.wire)?;
                sent.0 += laid.data_set_len;
                association.read_response()?
            }
            None => {
                association.send_stream(&files[index])?;
                sent.0 += files[index].data_set_len();
                association.read_response()?
            }
        };
        if status != 0 {
            return Err(format!("{}: status {status:04X}", files[index].path.display()).into());
        }
        sent.1 += 1;
    }
    association.release()?;
    Ok(sent)
}

fn prepare(options: &Options, files: &[Part10]) -> Result<(Association, Vec<Option<Laid>>)> {
    let association = Association::open(options, files)?;
    let laid = files.iter().map(|file| association.lay(file)).collect::<Result<_>>()?;
    Ok((association, laid))
}

struct Association {
    socket: TcpStream,
    /// Abstract syntax, transfer syntax, accepted.
    contexts: Vec<(String, String, bool)>,
    /// The most data bytes in one PDV: the smaller of what the peer takes and what was asked for.
    fragment: usize,
}

impl Association {
    fn open(options: &Options, files: &[Part10]) -> Result<Self> {
        let mut contexts: Vec<(String, String, bool)> = Vec::new();
        for file in files {
            let wanted = (file.sop_class.clone(), file.transfer_syntax.clone(), false);
            if !contexts.contains(&wanted) {
                contexts.push(wanted);
            }
        }
        let mut variable = vec![0, 1, 0, 0];
        for title in [&options.called, &options.calling] {
            variable.extend(format!("{title:<16.16}").bytes());
        }
        variable.extend([0; 32]);
        item(&mut variable, 0x10, b"1.2.840.10008.3.1.1.1");
        for (number, (abstract_syntax, transfer_syntax, _)) in contexts.iter().enumerate() {
            let mut context = vec![context_id(number), 0, 0, 0];
            item(&mut context, 0x30, abstract_syntax.as_bytes());
            item(&mut context, 0x40, transfer_syntax.as_bytes());
            item(&mut variable, 0x20, &context);
        }
        let mut user = Vec::new();
        item(&mut user, 0x51, &(1_u32 << 17).to_be_bytes());
        item(&mut user, 0x52, b"2.25.1");
        item(&mut variable, 0x50, &user);

        let mut socket = TcpStream::connect(&options.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(WAIT))?;
        socket.set_write_timeout(Some(WAIT))?;
        write_pdu(&mut socket, 1, &variable)?;
        let (kind, answer) = read_pdu(&mut socket)?;
        if kind != 2 {
            return Err(format!("association not accepted: PDU type {kind} {answer:?}").into());
        }
        let mut maximum = 0;
        for (kind, value) in items(answer.get(68..).unwrap_or_default()) {
            match (kind, value) {
                (0x21, [id, _, 0, ..]) => {
                    if let Some(context) = contexts.get_mut(usize::from(id / 2)) {
                        context.2 = true;
                    }
                }
                (0x50, user) => {
                    for (kind, value) in items(user) {
                        if kind == 0x51 {
                            maximum = value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
                        }
                    }
                }
                _ => {}
            }
        }
        let pdu = if maximum == 0 { options.pdu } else { maximum.min(options.pdu) };
        Ok(Self { socket, contexts, fragment: pdu.saturating_sub(6).max(2) as usize })
    }

    fn context(&self, file: &Part10) -> Result<u8> {
        let found = self.contexts.iter().position(|(class, syntax, accepted)| {
            *accepted && *class == file.sop_class && *syntax == file.transfer_syntax
        });
        found.map(context_id).ok_or_else(|| format!("{}: context refused", file.path.display()).into())
    }

    /// The whole request as one run of bytes; `None` for a file that is to be streamed.
    fn lay(&self, file: &Part10) -> Result<Option<Laid>> {
        if file.len > STREAM_FROM {
            return Ok(None);
        }
        let context = self.context(file)?;
        let data = fs::read(&file.path)?.split_off(file.data_set as usize);
        let mut wire = Vec::with_capacity(data.len() + data.len() / 100 + 1024);
        data_pdu(&mut wire, context, 3, &command(file));
        let mut chunks = data.chunks(self.fragment).peekable();
        while let Some(chunk) = chunks.next() {
            data_pdu(&mut wire, context, if chunks.peek().is_none() { 2 } else { 0 }, chunk);
        }
        let uid = file.sop_instance.as_bytes();
        let at = |found: usize| (found + uid.len() - DIGITS.min(uid.len())..found + uid.len()).collect();
        // The UID stands in the command set and in (0008,0018), both within the first kilobytes.
        let head = &wire[..wire.len().min(16 << 10)];
        let digits = head
            .windows(uid.len())
            .enumerate()
            .filter(|(_, bytes)| *bytes == uid)
            .map(|(i, _)| at(i))
            .collect();
        Ok(Some(Laid { wire, digits, data_set_len: file.data_set_len() }))
    }

    fn send_stream(&mut self, file: &Part10) -> Result<()> {
        let context = self.context(file)?;
        let mut pdu = Vec::new();
        data_pdu(&mut pdu, context, 3, &command(file));
        self.socket.write_all(&pdu)?;
        let mut source = File::open(&file.path)?;
        source.seek(SeekFrom::Start(file.data_set))?;
        let mut left = file.data_set_len();
        let mut chunk = vec![0; self.fragment];
        while left > 0 {
            let length = left.min(self.fragment as u64) as usize;
            source.read_exact(&mut chunk[..length])?;
            left -= length as u64;
            pdu.clear();
            data_pdu(&mut pdu, context, if left == 0 { 2 } else { 0 }, &chunk[..length]);
            self.socket.write_all(&pdu)?;
        }
        Ok(())
    }

    /// The Status (0000,0900) of the next response.
    fn read_response(&mut self) -> Result<u16> {
        let (kind, value) = read_pdu(&mut self.socket)?;
        // PDV length, context, control header, then the command set in implicit little endian.
        let (4, Some(mut command)) = (kind, value.get(6..)) else {
            return Err(format!("PDU type {kind} instead of a response: {value:?}").into());
        };
        while let Some(header) = command.get(..8) {
            let (element, length) = (little(&header[2..4]), little(&header[4..8]));
            let value = command.get(8..8 + length).ok_or("response cut short")?;
            if element == 0x0900 {
                return Ok(little(value) as u16);
            }
            command = &command[8 + length..];
        }
        Err("a response without a status".into())
    }

    fn release(&mut self) -> Result<()> {
        write_pdu(&mut self.socket, 5, &[0; 4])?;
        match read_pdu(&mut self.socket)? {
            (6, _) => Ok(()),
            (kind, _) => Err(format!("PDU type {kind} instead of A-RELEASE-RP").into()),
        }
    }
}

impl Laid {
    /// Makes the digits at the end of the SOP Instance UID those of this number.
    fn count_on(&mut self, number: usize) {
        for places in &self.digits {
            // Never a leading zero, should the digits be a whole component.
            let text =
                format!("{:0width$}", 10_usize.pow(places.len() as u32 - 1) + number, width = places.len());
            for (place, digit) in places.iter().zip(text.bytes()) {
                self.wire[*place] = digit;
            }
        }
    }
}

fn context_id(number: usize) -> u8 {
    number as u8 * 2 + 1
}

/// C-STORE-RQ (PS3.7 9.3.1.1).
fn command(file: &Part10) -> Vec<u8> {
    let mut body = Vec::new();
    let mut element = |number: u16, value: &[u8]| {
        body.extend([0, 0]);
        body.extend(number.to_le_bytes());
        body.extend((value.len() as u32 + value.len() as u32 % 2).to_le_bytes());
        body.extend(value);
        body.extend(vec![0; value.len() % 2]);
    };
    element(0x0002, file.sop_class.as_bytes());
    element(0x0100, &1_u16.to_le_bytes());
    element(0x0110, &1_u16.to_le_bytes());
    element(0x0700, &0_u16.to_le_bytes());
    element(0x0800, &1_u16.to_le_bytes());
    element(0x1000, file.sop_instance.as_bytes());
    let mut command = vec![0, 0, 0, 0, 4, 0, 0, 0];
    command.extend((body.len() as u32).to_le_bytes());
    command.extend(body);
    command
}

/// A P-DATA-TF PDU with one PDV; control bit 0: command, bit 1: last fragment (PS3.8 9.3.5).
fn data_pdu(out: &mut Vec<u8>, context: u8, control: u8, value: &[u8]) {
    out.extend([4, 0]);
    out.extend((value.len() as u32 + 6).to_be_bytes());
    out.extend((value.len() as u32 + 2).to_be_bytes());
    out.extend([context, control]);
    out.extend(value);
}

fn item(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.extend([kind, 0]);
    out.extend((value.len() as u16).to_be_bytes());
    out.extend(value);
}

fn items(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [kind, _, high, low, rest @ ..] = bytes {
        let length = usize::from(*high) << 8 | usize::from(*low);
        let Some(value) = rest.get(..length) else { break };
        found.push((*kind, value));
        bytes = &rest[length..];
    }
    found
}

fn write_pdu(socket: &mut TcpStream, kind: u8, variable: &[u8]) -> Result<()> {
    let mut pdu = vec![kind, 0];
    pdu.extend((variable.len() as u32).to_be_bytes());
    pdu.extend(variable);
    Ok(socket.write_all(&pdu)?)
}

fn read_pdu(socket: &mut TcpStream) -> Result<(u8, Vec<u8>)> {
    let mut header = [0; 6];
    socket.read_exact(&mut header)?;
    let length = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    if length > 1 << 20 {
        return Err(format!("a PDU of {length} bytes").into());
    }
    let mut variable = vec![0; length as usize];
    socket.read_exact(&mut variable)?;
    Ok((header[0], variable))
}
