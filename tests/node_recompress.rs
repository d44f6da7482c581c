//! A node that encodes anew what came compressed: decoded in processes of their own, whose end costs one instance its
//! recompression and nothing else.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod common;
#[path = "support/foreign_peer.rs"]
mod foreign_peer;
#[path = "support/made.rs"]
mod made;
#[path = "support/native.rs"]
mod native;
#[path = "support/process.rs"]
mod process;
#[path = "support/received.rs"]
mod received;

use common::{corpus, manifest};
use condenser::codec::{CompressError, Options, Reason, Recompress, decompress};
use condenser::config::Config;
use condenser::dicom::{
    Fidelity, FileMeta, ImagePixel, Limits, PixelCoding, Tag, TransferSyntax, VrEncoding, uids, walk,
};
use condenser::net::{ProposedContext, Received, Requestor, RequestorOptions, Status, StoreHandler};
use condenser::node::{Arrival, Node};
use condenser::rule::{Compress, Otherwise, Target, Writable};
use condenser::store::{Receipt, Tree};
use foreign_peer::ForeignPeer;
use made::{CT, Image};
use native::{File, compressed, syntax};
use process::{Process, folder, store_of};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

struct Bench {
    folder: tempfile::TempDir,
    node: Node,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::in_folder(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), change)
    }

    fn in_folder(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.store.path = folder.path().join("store");
        config.compress.recompress = Recompress::LosslessOnly;
        config.decoder = Some(env!("CARGO_BIN_EXE_condenser").into());
        change(&mut config);
        let node = Node::new(Tree::open(&config.store).unwrap(), &config, None);
        Self { folder, node }
    }

    /// With a program that decodes in the place of our own, and writes down its process first.
    fn with_decoder(script: &str, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = folder.path().join("decoder");
        let note = "echo $$ >> \"${0%/*}/pids\"";
        fs::write(&program, format!("#!/bin/sh\n{note}\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        Self::in_folder(folder, |config| {
            config.decoder = Some(program);
            change(config);
        })
    }

    /// The processes that were begun by [`Bench::with_decoder`].
    fn processes(&self) -> Vec<String> {
        let pids = fs::read_to_string(self.folder.path().join("pids")).unwrap_or_default();
        pids.lines().map(str::to_owned).collect()
    }

    fn send(&self, file: &File) -> Arrival {
        self.node.journey(&received(file)).unwrap()
    }

    fn stored(&self, arrival: &Arrival) -> (File, Receipt) {
        let path = self.folder.path().join("store").join(arrival.stored.path());
        let file = File::of(fs::read(path).unwrap());
        let receipt = Receipt::of(&file.meta).unwrap();
        (file, receipt)
    }

    /// Stored as it was received, acknowledged, and with this reason in the receipt; gives the reason's sentence.
    fn kept(&self, file: &File, reason: &str) -> String {
        let arrival = self.send(file);
        let why = arrival.condensed.as_ref().unwrap().as_ref().unwrap_err();
        assert_eq!(why.name(), reason, "{why}");
        let (stored, receipt) = self.stored(&arrival);
        assert_eq!(receipt.reason.as_deref(), Some(reason));
        assert!(stored.meta.transfer_syntax == file.meta.transfer_syntax, "as it came");
        assert!(stored.body == file.body, "byte for byte");
        why.to_string()
    }
}

fn received(file: &File) -> Received {
    let text = |tag: Tag| file.data_set.text(&file.body, tag).unwrap().unwrap_or_default();
    let (sop_class, sop_instance) = (text(Tag::SOP_CLASS_UID), text(Tag::SOP_INSTANCE_UID));
    received::received(&file.meta.transfer_syntax, file.body.clone().into(), &sop_class, &sop_instance)
}

/// An image in a compressed transfer syntax, as a peer would send it.
fn encoded(image: &Image, keyword: &str) -> File {
    let (_, file) = compressed(&image.data_set(), keyword, &Options::default()).unwrap();
    file
}

fn slope() -> Image {
    Image::slope("1.2.9", 64, 64)
}

fn rle() -> File {
    encoded(&slope(), "RLELossless")
}

#[test]
fn what_came_compressed_is_encoded_anew_where_that_is_asked_for() {
    let native = slope().pixels();
    for (from, to) in [
        ("RLELossless", "JPEGLSLossless"),
        ("JPEG2000Lossless", "JPEGLSLossless"),
        ("JPEGLosslessSV1", "JPEGLSLossless"),
        // Two decoders have to agree, each in its own process.
        ("JPEGLSLossless", "RLELossless"),
        ("DeflatedImageFrameCompression", "RLELossless"),
        ("JPEG2000Lossless", "DeflatedExplicitVRLittleEndian"),
    ] {
        let bench = Bench::new(|config| {
            config.compress.to = Target::One(Writable(syntax(to)));
        });
        let arrival = bench.send(&encoded(&slope(), from));
        assert!(matches!(arrival.condensed, Some(Ok(_))), "{from} {to}: {:?}", arrival.condensed);
        let path = bench.folder.path().join("store").join(arrival.stored.path());
        let meta = FileMeta::parse(&fs::read(path).unwrap()).unwrap().0;
        let receipt = Receipt::of(&meta).unwrap();
        assert_eq!((meta.transfer_syntax.as_str(), receipt.reason), (syntax(to).uid, None));
        assert_eq!(receipt.transfer_syntax, syntax(from).uid);
        if syntax(to).pixel_coding == PixelCoding::Encapsulated {
            let stored = bench.stored(&arrival).0;
            assert!(stored.body == encoded(&slope(), to).body, "{from} {to}: not as if it had come native");
            assert!(stored.native() == native);
        }
        // The same instance again is known, though it is stored otherwise.
        assert!(bench.send(&encoded(&slope(), from)).condensed.is_none());
    }
}

#[test]
fn a_rule_decides_and_several_targets_are_tried() {
    let parse = |text: &str| toml::from_str::<Config>(text).unwrap().checked().unwrap();
    let config = parse(
        "[[rule]]\nname = 'ct'\nmodality = ['CT']\nrecompress = 'always'\nto = 'auto'\n\
         candidates = ['RLELossless', 'JPEGLSLossless']\n",
    );
    let bench = Bench::new(|own| (own.rule, own.compress) = (config.rule, config.compress));
    let arrival = bench.send(&encoded(&Image::slopes("1.2.9", 64, 64, 5), "JPEG2000Lossless"));
    let chosen = arrival.condensed.as_ref().unwrap().as_ref().unwrap();
    assert_eq!((chosen.report.target.keyword, chosen.sampled.len()), ("JPEGLSLossless", 2));
    assert_eq!((chosen.report.decoder, chosen.report.frames), (Some("openjpeg"), 5));
    assert!(bench.stored(&arrival).0.native() == Image::slopes("1.2.9", 64, 64, 5).pixels());
}

#[test]
fn by_itself_a_node_keeps_what_came_compressed() {
    let never = Bench::new(|config| config.compress.recompress = Compress::default().recompress);
    never.kept(&rle(), "already_compressed");
    Bench::new(|_| ()).kept(&encoded(&slope(), "JPEGLSLossless"), "already_compressed");
}

/// One process serves all frames that it can, and none outlives its instance.
#[test]
fn a_process_serves_many_frames_of_one_instance() {
    let own = env!("CARGO_BIN_EXE_condenser");
    let bench = Bench::with_decoder(&format!("exec {own} \"$@\""), |_| ());
    let arrival = bench.send(&encoded(&Image::slopes("1.2.9", 64, 64, 40), "RLELossless"));
    assert!(matches!(arrival.condensed, Some(Ok(_))), "{:?}", arrival.condensed);
    let begun = bench.processes();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!((1..=cores).contains(&begun.len()), "{begun:?} for 40 frames and {cores} cores");
    assert!(begun.iter().all(|pid| !Path::new("/proc").join(pid).exists()), "{begun:?}");
}

#[test]
fn a_damaged_codestream_costs_its_recompression_only() {
    let mut damaged = rle();
    let header = damaged.body.windows(4).position(|bytes| bytes == [64, 0, 0, 0]).unwrap();
    damaged.body[header + 2] = 1;
    // Neither is it refused where native images that cannot be condensed are.
    for otherwise in [Otherwise::Keep, Otherwise::Refuse] {
        let said = Bench::new(|config| config.compress.otherwise = otherwise).kept(&damaged, "decode_failed");
        assert!(said.starts_with("frame 1 could not be decoded: rle"), "{said}");
    }
}

/// Whatever the process does: the instance is stored as it was received and acknowledged, the process is gone, and the next
/// instance has a new one.
#[test]
fn c01_a_process_that_fails_costs_one_instance_its_recompression() {
    for (script, reason, said) in [
        ("exit 3", "decoder_died", "exit code 3"),
        ("echo 'no luck' >&2; exit 3", "decoder_died", "exit code 3: no luck"),
        ("kill -SEGV $$", "decoder_died", "signal 11"),
        ("head -c 20 >/dev/null; kill -KILL $$", "decoder_died", "signal 9"),
        ("cat >/dev/null", "decoder_late", "longer than 1s"),
        ("echo nonsense that is long enough; exec sleep 600", "decoder_died", "answer that is none"),
        ("yes nonsense", "decoder_died", "answer that is none"),
        ("exec sleep 600", "decoder_late", "longer than 1s"),
        ("kill -STOP $$", "decoder_late", "longer than 1s"),
    ] {
        let bench = Bench::with_decoder(script, |config| {
            // Whoever is not late has time enough on any machine.
            let seconds = if reason == "decoder_late" { 1 } else { 30 };
            config.compress.decode_frame_within = Duration::from_secs(seconds);
        });
        let sentence = bench.kept(&rle(), reason);
        assert!(sentence.contains(said), "{script}: {sentence}");
        bench.kept(&encoded(&Image::slope("1.2.10", 64, 64), "RLELossless"), reason);
        let begun = bench.processes();
        assert_eq!(begun.len(), 2, "{script}");
        let left = |pid: &&String| Path::new("/proc").join(pid).exists();
        assert_eq!(begun.iter().find(left), None, "{script}: a process is still there");
        // What came native is condensed as ever.
        let status = bench.node.store(received(&encoded_native("1.2.11"))).status;
        assert_eq!(status, Status::SUCCESS);
        assert_eq!(bench.processes().len(), 2, "{script}: nothing had to be decoded");
    }
    Bench::new(|config| config.decoder = Some("/no/such/program".into())).kept(&rle(), "decoder_missing");
    // The program of somebody who uses the library is not ours, and is not begun again.
    Bench::new(|config| config.decoder = None).kept(&rle(), "decoder_missing");
}

/// A process that gives other cells than its decoder would is found out where there is a second decoder: that is asked in a
/// process of its own. Cells of another length are none in any case.
#[test]
fn of_two_decoders_both_have_to_tell_the_same() {
    let own = env!("CARGO_BIN_EXE_condenser");
    // An answer in the words of the protocol, with black cells.
    let lie = |length: &str, bytes: usize| {
        let heads = format!("printf '\\007\\000\\000\\000{length}\\000\\000\\000\\000\\000\\000\"cells\"'");
        format!("{heads}; head -c {bytes} /dev/zero; exec sleep 600")
    };
    let (all, half) = (lie("\\000\\040", 8192), lie("\\000\\020", 4096));
    for honest in [1, 2] {
        let script =
            format!("if [ $(wc -l < \"${{0%/*}}/pids\") = {honest} ]; then exec {own} \"$@\"; fi\n{all}");
        let bench = Bench::with_decoder(&script, |config| {
            config.compress.to = Target::One(Writable(syntax("RLELossless")));
        });
        let said = bench.kept(&encoded(&slope(), "JPEGLSLossless"), "decode_failed");
        assert!(said.contains("jpeg-ls decodes it to other cells"), "{said}");
    }
    let said = Bench::with_decoder(&half, |_| ()).kept(&rle(), "decode_failed");
    assert!(said.contains("rle decodes it to 4096 bytes, and the frame has 8192"), "{said}");
}

fn encoded_native(sop_instance: &str) -> File {
    let image = Image::slope(sop_instance, 64, 64);
    let mut bytes = Vec::new();
    let meta = FileMeta {
        transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        sop_instance: sop_instance.to_owned(),
        ..FileMeta::default()
    };
    meta.write(&mut bytes).unwrap();
    bytes.extend(image.data_set());
    File::of(bytes)
}

/// A process that answers each frame in good time may not go on for ever.
#[test]
fn all_frames_together_have_a_deadline() {
    let own = env!("CARGO_BIN_EXE_condenser");
    let bench = Bench::with_decoder(&format!("sleep 0.4; exec {own} \"$@\""), |config| {
        config.compress.decode_within = Duration::from_millis(300);
    });
    let said = bench.kept(&encoded(&Image::slopes("1.2.9", 16, 16, 9), "RLELossless"), "decoder_late");
    assert!(said.contains("all frames together took longer than 300ms"), "{said}");
}

/// Our own program, killed while it is at work on a frame.
#[test]
fn c07_a_process_that_is_killed_at_work_is_noticed() {
    let own = env!("CARGO_BIN_EXE_condenser");
    let bench = Bench::with_decoder(&format!("exec {own} \"$@\""), |_| ());
    let file = encoded(&large(6000), "RLELossless");
    std::thread::scope(|scope| {
        let journey = scope.spawn(|| bench.kept(&file, "decoder_died"));
        let is_ours = |pid: &String| {
            let words = fs::read(Path::new("/proc").join(pid).join("cmdline")).unwrap_or_default();
            // No longer the shell: that names its script.
            words.starts_with(own.as_bytes())
        };
        let pid = loop {
            match bench.processes().first().filter(|pid| is_ours(pid)) {
                Some(pid) => break pid.parse().unwrap(),
                None => assert!(!journey.is_finished(), "nothing was begun"),
            }
            std::thread::yield_now();
        };
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        let said = journey.join().unwrap();
        assert!(said.contains("signal 9"), "{said}");
    });
}

/// A frame of so many rows and columns, all of them black.
fn large(side: u16) -> Image {
    Image { cells: vec![0; usize::from(side) * usize::from(side)], rows: side, columns: side, ..slope() }
}

/// A few bytes that promise a large frame are stopped by the limit that the process has given itself.
#[test]
fn a_frame_that_needs_more_memory_than_is_allowed_is_kept() {
    let file = encoded(&large(9000), "RLELossless");
    let bench = Bench::new(|config| config.compress.decode_memory = 128 << 20);
    let said = bench.kept(&file, "decoder_died");
    assert!(said.contains("memory allocation of"), "{said}");
}

/// What is allowed is limited before a byte is read; and when nobody asks any more, the process ends.
#[test]
fn the_process_limits_itself() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let theirs = std::os::fd::OwnedFd::from(theirs);
    let mut child = Command::new(env!("CARGO_BIN_EXE_condenser"))
        .args(["decode-for-node", "--memory", "268435456", "--processor-seconds", "77"])
        .stdin(Stdio::from(theirs.try_clone().unwrap()))
        .stdout(Stdio::from(theirs))
        .spawn()
        .unwrap();
    let limits = PathBuf::from(format!("/proc/{}/limits", child.id()));
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let text = fs::read_to_string(&limits).unwrap();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let is_limit = |word: &&str| word.parse::<u64>().is_ok() || *word == "unlimited";
            line.split_whitespace().find(is_limit).unwrap().to_owned()
        };
        // The one that is set last.
        if row("Max open files") == "0" {
            assert_eq!(row("Max address space"), "268435456");
            assert_eq!(row("Max cpu time"), "77");
            for none in ["Max core file size", "Max file size", "Max processes"] {
                assert_eq!(row(none), "0", "{none}");
            }
            break;
        }
        assert!(Instant::now() < until, "{text}");
        std::thread::yield_now();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"])), "{status}");
    drop(ours);
    assert!(child.wait().unwrap().success());
}

/// A node that is killed while frames are decoded leaves nothing behind: nobody would end it.
#[test]
fn c07_the_process_ends_with_the_node() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let script =
        "exec 3<&0; \"$0\" decode-for-node --memory 268435456 --processor-seconds 77 <&3 & echo $! >&2; wait";
    let mut node = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_condenser")])
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(node.stderr.take().unwrap()).read_line(&mut pid).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    let until = Instant::now() + Duration::from_secs(60);
    let limits = || fs::read_to_string(process.join("limits")).unwrap_or_default();
    let is_limited =
        |text: &str| text.lines().any(|line| line.starts_with("Max open files") && line.contains(" 0 "));
    while !is_limited(&limits()) {
        assert!(Instant::now() < until, "{}", limits());
        std::thread::yield_now();
    }
    node.kill().unwrap();
    node.wait().unwrap();
    // Whoever inherits it may let it lie as a zombie for a while.
    let lives = || fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(Instant::now() < until, "it is still there");
        std::thread::yield_now();
    }
    drop(ours);
}

const CONFIGURATION: &str = "\
[compress]
otherwise = 'refuse'
[[rule]]
name = 'ultrasound'
modality = ['US']
recompress = 'always'
[[rule]]
name = 'rest'
recompress = 'lossless-only'
";

/// The whole node, from its file to what it stores, logs and counts.
#[test]
fn a_running_node_says_what_became_of_what_came_compressed() {
    let folder = folder();
    let file = folder.path().join("node.toml");
    fs::write(&file, CONFIGURATION).unwrap();
    let process = Process::start(&store_of(&folder), &["--config", file.to_str().unwrap()]);
    let rle = syntax("RLELossless");
    let proposed = [ProposedContext { abstract_syntax: CT.to_owned(), transfer_syntaxes: vec![rle] }];
    let options = RequestorOptions::new("MODALITY", "CONDENSER");
    let mut requestor = Requestor::connect(process.address, options, &proposed).unwrap();
    let context = requestor.context(CT, rle).unwrap();
    let mut send = |sop_instance: &str, damage: bool| {
        let mut data_set = encoded(&Image::slope(sop_instance, 64, 64), "RLELossless").body;
        let header = data_set.windows(4).position(|bytes| bytes == [64, 0, 0, 0]).unwrap();
        data_set[header + 2] |= u8::from(damage);
        assert_eq!(requestor.store(context, CT, sop_instance, &data_set).unwrap().status, Status::SUCCESS);
    };
    send("1.2.9", false);
    send("1.2.10", true);
    requestor.release().unwrap();
    let stored = |name: &str| {
        let bytes = fs::read(store_of(&folder).join("1.2.3.4/1.2.3.4.5").join(name)).unwrap();
        File::of(bytes)
    };
    assert_eq!(stored("1.2.9.dcm").meta.transfer_syntax, uids::JPEG_LS_LOSSLESS);
    assert!(stored("1.2.9.dcm").native() == slope().pixels());
    assert_eq!(stored("1.2.10.dcm").meta.transfer_syntax, uids::RLE_LOSSLESS);
    process.signal(Signal::TERM);
    let (status, log) = process.ended();
    assert!(status.success(), "{log}");
    for said in [
        "outcome=\"condensed\" to=\"JPEGLSLossless\" received=\"RLELossless\"",
        "outcome=\"kept\" reason=\"decode_failed\" explanation=frame 1 could not be decoded",
        "condensed=1 kept=1",
        "outcome=\"kept\" reason=\"decode_failed\" count=1",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
}

/// What came compressed is decoded for a peer that takes native instances only: in a process of its own as well, and one that
/// ends badly holds that delivery and no other.
#[test]
fn what_came_compressed_is_decoded_for_a_peer_in_a_process_of_its_own() {
    let (folder, taken) = (folder(), tempfile::tempdir().unwrap());
    let Some(peer) = ForeignPeer::storescp(taken.path(), ["+B"]) else { return };
    let file = folder.path().join("node.toml");
    let configuration = format!(
        "[compress]\ndecode_memory = '128 MiB'\n[[rule]]\nname = 'all'\nforward = ['archive']\n\
         [[peer]]\nname = 'archive'\nae_title = 'ARCHIVE'\naddress = '{}'\nconcurrency = 1\n",
        peer.address
    );
    fs::write(&file, configuration).unwrap();
    let mut process = Process::start(&store_of(&folder), &["--config", file.to_str().unwrap()]);
    let rle = syntax("RLELossless");
    let proposed = [ProposedContext { abstract_syntax: CT.to_owned(), transfer_syntaxes: vec![rle] }];
    let options = RequestorOptions::new("MODALITY", "CONDENSER");
    let mut requestor = Requestor::connect(process.address, options, &proposed).unwrap();
    let context = requestor.context(CT, rle).unwrap();
    for image in [Image { sop_instance: "1.2.10".to_owned(), ..large(9000) }, slope()] {
        let data_set = encoded(&image, "RLELossless").body;
        let answer = requestor.store(context, CT, &image.sop_instance, &data_set).unwrap();
        assert_eq!(answer.status, Status::SUCCESS);
    }
    requestor.release().unwrap();
    let held = process.wait_for(&["delivery held for the operator", "instance=1.2.10"]);
    assert!(held.contains("memory allocation of"), "{held}");
    process.wait_for(&["instance delivered", "instance=1.2.9", "sent=\"ExplicitVRLittleEndian\""]);
    let delivered = fs::read_dir(taken.path()).unwrap().next().unwrap().unwrap().path();
    assert!(File::of(fs::read(delivered).unwrap()).value(Tag::PIXEL_DATA) == Some(slope().pixels()));
}

#[test]
fn check_and_explain_know_the_setting() {
    let folder = folder();
    let (config, image) = (folder.path().join("node.toml"), folder.path().join("in.dcm"));
    fs::write(&config, CONFIGURATION).unwrap();
    fs::write(&image, rle().bytes).unwrap();
    let run = |command: &str, more: &[&Path]| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_condenser"));
        let output = process.arg(command).arg("--config").arg(&config).args(more).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let checked = run("check", &[]);
    for said in [
        "ultrasound: to JPEGLSLossless, verified, what came compressed too, with loss or without\n",
        "rest: to JPEGLSLossless, verified, what came compressed without loss too\n",
        "all others: to JPEGLSLossless, verified\n",
    ] {
        assert!(checked.contains(said), "{said}: {checked}");
    }
    let explained = run("explain", &[&image]);
    assert!(explained.contains("what came compressed too: lossless-only"), "{explained}");
    assert!(explained.contains("condensed to JPEGLSLossless, 8.00 KiB -> "), "{explained}");
    let mut damaged = rle();
    let header = damaged.bytes.windows(4).position(|bytes| bytes == [64, 0, 0, 0]).unwrap();
    damaged.bytes[header + 2] = 1;
    fs::write(&image, damaged.bytes).unwrap();
    let json = run("explain", &[&image, Path::new("--json")]);
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["recompress"], "lossless-only");
    assert_eq!((&object["outcome"], &object["reason"]), (&"kept".into(), &"decode_failed".into()));
}

/// What a node makes of each compressed image of the corpus: the cells that a decoder in this process gives, nothing of what
/// is said of earlier losses lost, and what is lossy untouched unless «always» was asked for.
#[test]
fn the_corpus_comes_out_with_the_cells_that_it_had() {
    let Some(corpus) = corpus() else { return };
    let with = |which| {
        Bench::new(|config| {
            config.compress.recompress = which;
            config.compress.fallback = vec![Writable(syntax("RLELossless"))];
        })
    };
    let (careful, always) = (with(Recompress::LosslessOnly), with(Recompress::Always));
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for (path, row) in manifest(&corpus) {
        let encapsulated = TransferSyntax::of_uid(&row["transfer_syntax"])
            .filter(|syntax| syntax.pixel_coding == PixelCoding::Encapsulated);
        let bytes = fs::read(corpus.join(&path)).unwrap();
        let is_small = bytes.len() < 1 << 20;
        let Some(came) = encapsulated.filter(|_| is_small && !row["pixel_element"].is_empty()) else {
            continue;
        };
        let Some(file) = readable(bytes) else { continue };
        // What the node refuses for other reasons is not looked at here.
        let Ok(arrival) = always.node.journey(&received(&file)) else { continue };
        let Some(condensed) = &arrival.condensed else { continue };
        let outcome = match condensed {
            Ok(chosen) => {
                let (stored, _) = always.stored(&arrival);
                assert!(chosen.report.decoder.is_some(), "{path}");
                assert!(native_of(&stored).unwrap() == native_of(&file).unwrap(), "{path}: other cells");
                keeps_what_was_said(&file, &stored, came, &path);
                "condensed"
            }
            Err(reason) => {
                let here = native_of(&file).map(drop).map_err(|reason| reason.name());
                let failed = [
                    "decode_failed",
                    "no_decoder",
                    "image_pixel_unusable",
                    "fragments_unusable",
                    "digital_signature",
                ];
                if failed.contains(&reason.name()) {
                    assert_eq!(here, Err(reason.name()), "{path}: {reason}");
                }
                reason.name()
            }
        };
        *outcomes.entry(format!("{} {outcome}", came.keyword)).or_default() += 1;
        if came.fidelity != Fidelity::Lossless {
            careful.kept(&file, "lossy_compressed");
        }
    }
    for (outcome, count) in &outcomes {
        println!("{count:>5} {outcome}");
    }
    let condensed = outcomes.iter().filter(|(outcome, _)| outcome.ends_with(" condensed"));
    let (kinds, files) = condensed.fold((0, 0), |(kinds, files), (_, count)| (kinds + 1, files + count));
    assert!(kinds >= 8 && files >= 60, "{kinds} transfer syntaxes, {files} files");
}

fn readable(bytes: Vec<u8>) -> Option<File> {
    let (_, start) = FileMeta::parse(&bytes).ok()?;
    let body = bytes.get(usize::try_from(start).ok()?..)?.to_vec();
    walk(&body, VrEncoding::ExplicitLittle, &Limits::default()).ok().map(|_| File::of(bytes))
}

/// The cells by pixel, by the decoders in this process.
fn native_of(file: &File) -> Result<Vec<u8>, Reason> {
    let mut out = Cursor::new(Vec::new());
    let explicit = syntax("ExplicitVRLittleEndian");
    let options = Options::default();
    match decompress(&file.body, &file.data_set, explicit, &file.meta, &options, &mut out) {
        Ok(_) => {
            let native = File::of(out.into_inner());
            let (image, cells) = (native.image(), native.value(Tag::PIXEL_DATA).unwrap());
            Ok(by_pixel(&image, cells))
        }
        Err(CompressError::Kept(reason)) => Err(reason),
        Err(CompressError::Io(error)) => unreachable!("{error}"),
    }
}

fn by_pixel(image: &ImagePixel, cells: Vec<u8>) -> Vec<u8> {
    if image.planar == 0 || image.samples == 1 {
        return cells;
    }
    assert_eq!((image.bits_allocated, image.samples), (8, 3));
    let plane = usize::from(image.rows) * usize::from(image.columns);
    let frames = cells.chunks_exact(3 * plane);
    frames
        .flat_map(|frame| (0..plane).flat_map(|at| [frame[at], frame[plane + at], frame[2 * plane + at]]))
        .collect()
}

/// Whoever decodes what has lost something must not make it look as if it had not (PS3.3 C.7.6.1.1.5).
fn keeps_what_was_said(before: &File, after: &File, came: &TransferSyntax, path: &str) {
    assert_eq!(before.value(Tag::SOP_INSTANCE_UID), after.value(Tag::SOP_INSTANCE_UID), "{path}");
    for tag in [Tag::LOSSY_IMAGE_COMPRESSION_RATIO, Tag::LOSSY_IMAGE_COMPRESSION_METHOD, Tag::IMAGE_TYPE] {
        assert_eq!(before.value(tag), after.value(tag), "{path}: {tag}");
    }
    let lossy = [uids::JPEG_BASELINE, uids::JPEG_EXTENDED].contains(&came.uid);
    let said = after.value(Tag::LOSSY_IMAGE_COMPRESSION);
    if lossy {
        assert_eq!(said.as_deref(), Some(&b"01"[..]), "{path}");
    } else {
        assert_eq!(said, before.value(Tag::LOSSY_IMAGE_COMPRESSION), "{path}");
    }
}
