//! The configuration file as types: the sum of every part's own `Config`, loaded, cross-checked and explained.
//!
//! A [`Config`] that was loaded is right: names were looked up, addresses parsed, limits compared. An error names the
//! file, the line and the key, and everything that is wrong is listed at once.

mod location;

use crate::audit::AuditConfig;
use crate::forward::{After, CommitmentConfig, PeerConfig};
use crate::observe::LogConfig;
use crate::queue::{self, QueueUrl};
use crate::rule::{Compress, Rule, Rules};
use crate::{net, store};
use location::line_of;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The DICOM acceptor: name, addresses, limits, deadlines.
    pub node: net::Config,
    /// Who may come in; without an entry, everybody on this machine.
    pub access: net::AccessList,
    /// Where instances rest.
    pub store: store::Config,
    /// What instances are condensed to: what a rule inherits.
    pub compress: Compress,
    /// What is done with which instances; the first rule that fits decides.
    pub rule: Vec<Rule>,
    /// Whom instances can be forwarded to.
    pub peer: Vec<PeerConfig>,
    /// The names of peers that every instance is forwarded to, whatever its rule says: those of the command line.
    #[serde(skip)]
    pub always: Vec<String>,
    /// The program that decodes what came compressed, in processes of their own: one that knows the hidden command of
    /// `condenser`. Without it, as in the program of somebody who uses the library, nothing that came compressed is encoded anew.
    #[serde(skip)]
    pub decoder: Option<PathBuf>,
    /// What peers are answered that ask for Storage Commitment.
    pub commitment: CommitmentConfig,
    /// Where the queue of deliveries is kept.
    pub queue: queue::Config,
    /// How the node logs.
    pub log: LogConfig,
    /// Where the audit trail goes.
    pub audit: AuditConfig,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// The operating system's answer.
        error: std::io::Error,
    },
    /// The file is not TOML, or holds a key or a value that we do not know.
    #[error("{}: {error}", path.display())]
    Parse {
        /// The configuration file.
        path: PathBuf,
        /// Line, column and what was expected.
        error: toml::de::Error,
    },
    /// Every value can be read, and some do not fit.
    #[error("{}: {}", source_name(path.as_deref()), faults.join("; "))]
    Check {
        /// The configuration file; `None` for the embedded default and the command line.
        path: Option<PathBuf>,
        /// One sentence a fault, each beginning with its key.
        faults: Vec<String>,
    },
}

impl Config {
    /// Reads, parses and checks a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file and all that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Parse { path: path.to_owned(), error })?;
        config.completed().map_err(|faults| {
            let located = |fault: String| match line_of(&text, &fault) {
                Some(line) => format!("line {line}: {fault}"),
                None => fault,
            };
            ConfigError::Check {
                path: Some(path.to_owned()),
                faults: faults.into_iter().map(located).collect(),
            }
        })
    }

    /// Checks settings that do not come from a file, or not all of them.
    ///
    /// # Errors
    /// [`ConfigError::Check`] with all faults.
    pub fn checked(self) -> Result<Self, ConfigError> {
        self.completed().map_err(|faults| ConfigError::Check { path: None, faults })
    }

    /// The rules over what they inherit.
    pub fn rules(&self) -> Rules {
        Rules::new(&self.compress, &self.rule, &self.always)
    }

    /// Where the queue is kept.
    pub fn queue_url(&self) -> QueueUrl {
        self.queue.url.clone().unwrap_or_else(|| QueueUrl::in_store(&self.store.path))
    }

    /// Where transactions of Storage Commitment are kept: beside the queue.
    pub fn transactions_path(&self) -> PathBuf {
        let QueueUrl::Sqlite(queue) = self.queue_url();
        queue.with_file_name("commitment.db")
    }

    /// Compares the parts with each other and fills in what one part must know of another; or all that is wrong, one
    /// sentence a fault, each beginning with its key.
    fn completed(mut self) -> Result<Self, Vec<String>> {
        let mut faults: Vec<String> = self.node.check().iter().map(|fault| format!("node.{fault}")).collect();
        for (index, peer) in self.peer.iter().enumerate() {
            faults.extend(peer.check().iter().map(|fault| format!("peer[{index}].{fault}")));
        }
        faults.extend(self.audit.check(&self.store.path).iter().map(|fault| format!("audit.{fault}")));
        faults.extend(twice("peer", self.peer.iter().map(|peer| peer.name.as_str())));
        faults.extend(twice("rule", self.rule.iter().map(|rule| rule.name.as_str())));
        faults.extend(self.unknown_peers());
        faults.extend(self.contradictions());
        faults.extend(self.peers_that_are_this_node());
        faults.extend(self.commitment.check().iter().map(|fault| format!("commitment.{fault}")));
        faults.extend(self.peers_that_do_not_commit());
        if !faults.is_empty() {
            return Err(faults);
        }
        // What we would store anyway is accepted first: it need not be encoded again.
        self.node.preferred = self.compress.to.syntax();
        self.node.access = self.access.clone();
        self.node.commitment = self.commitment.offer;
        Ok(self)
    }

    /// What `[compress]` and each rule, with what it inherits, says against itself.
    fn contradictions(&self) -> Vec<String> {
        let rules = self.rule.iter().enumerate();
        let of_rules = rules.map(|(index, rule)| (format!("rule[{index}]"), rule.check(&self.compress)));
        let all = of_rules.chain([("compress".to_owned(), self.compress.check())]);
        all.flat_map(|(key, faults)| faults.into_iter().map(move |fault| format!("{key}.{fault}"))).collect()
    }

    /// An instance that is forwarded to the node itself would be there already.
    fn peers_that_are_this_node(&self) -> Vec<String> {
        let is_own = |peer: &PeerConfig| {
            let host: Option<IpAddr> = match peer.address.host.as_str() {
                "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
                host => host.parse().ok(),
            };
            self.node.listen.iter().any(|own| {
                let everywhere = own.ip().is_unspecified() && host.is_some_and(|host| host.is_loopback());
                own.port() == peer.address.port && (everywhere || Some(own.ip()) == host)
            })
        };
        let own = self.peer.iter().enumerate().filter(|(_, peer)| is_own(peer));
        own.map(|(index, peer)| format!("peer[{index}].address: {} is where this node listens", peer.address))
            .collect()
    }

    /// What is committed only after peers have committed it needs peers that do.
    fn peers_that_do_not_commit(&self) -> Vec<String> {
        if !self.commitment.offer || self.commitment.after != After::Committed {
            return Vec::new();
        }
        let forwarded: BTreeSet<&String> =
            self.rule.iter().flat_map(|rule| &rule.forward).chain(&self.always).collect();
        let not_committing = |peer: &&PeerConfig| !peer.commit && forwarded.contains(&peer.name);
        let peers = self.peer.iter().filter(not_committing);
        peers
            .map(|peer| format!("commitment.after: the peer {:?} has no `commit = true`", peer.name))
            .collect()
    }

    fn unknown_peers(&self) -> Vec<String> {
        let known: BTreeSet<&str> = self.peer.iter().map(|peer| peer.name.as_str()).collect();
        let listed = match known.len() {
            0 => "there is no [[peer]]".to_owned(),
            _ => format!("known: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        let mut faults = Vec::new();
        for (index, rule) in self.rule.iter().enumerate() {
            for (place, peer) in
                rule.forward.iter().enumerate().filter(|(_, peer)| !known.contains(peer.as_str()))
            {
                faults.push(format!(
                    "rule[{index}].forward[{place}]: rule {:?} forwards to {peer:?}, which is no peer ({listed})",
                    rule.name
                ));
            }
        }
        faults
    }
}

/// A fault for each name that was given before.
fn twice<'n>(section: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    let repeated = names.iter().enumerate().filter(|(index, name)| names[..*index].contains(name));
    repeated
        .map(|(index, name)| format!("{section}[{index}].name: there is another {section} {name:?}"))
        .collect()
}

fn source_name(path: Option<&Path>) -> String {
    path.map_or_else(|| "configuration".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Layers, Recompress};

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.checked().map_err(|error| error.to_string())
    }

    #[test]
    fn every_file_in_config_is_read_and_right() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut read = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Config::load(&path).unwrap();
                read += 1;
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn the_file_in_config_says_what_the_defaults_are() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/condenser.toml");
        let file = Config::load(&path).unwrap();
        let mut default = Config::default().checked().unwrap();
        default.queue.url = Some(default.queue_url());
        assert_eq!(format!("{file:?}"), format!("{default:?}"));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse("[node]\nae_title = \"A\"\nae_titel = \"B\"\n").unwrap_err();
        assert!(error.contains("line 3") && error.contains("ae_titel"), "{error}");
    }

    #[test]
    fn a_target_that_we_cannot_write_is_refused_with_those_that_we_can() {
        for name in ["HTJ2KLossless", "MPEG2MPML", "NoSuchSyntax", "ExplicitVRLittleEndian"] {
            let error = parse(&format!("[compress]\nto = \"{name}\"\n")).unwrap_err();
            assert!(error.contains("JPEGLSLossless") && error.contains("RLELossless"), "{error}");
        }
    }

    #[test]
    fn a_lossy_target_is_refused_unless_it_is_allowed() {
        let lossy = "to = \"JPEGLSNearLossless\"\n";
        let error = parse(&format!("[compress]\n{lossy}")).unwrap_err();
        assert!(error.contains("compress.to: JPEGLSNearLossless changes samples"), "{error}");
        let error = parse(&format!("[[rule]]\nname = \"x\"\n{lossy}")).unwrap_err();
        assert!(error.contains("rule[0].to: JPEGLSNearLossless"), "{error}");
        let config = parse(&format!("[compress]\nlossy = \"allowed\"\nnear = 1\n{lossy}")).unwrap();
        assert_eq!(config.compress.options().parameters.near, 1);
        parse(&format!("[[rule]]\nname = \"x\"\nlossy = \"allowed-for-mammography\"\n{lossy}")).unwrap();
        parse(&format!("[compress]\nnear = 0\n{lossy}")).unwrap();
        for (settings, expected) in [
            ("ratios = [10]", "compress.to: JPEG2000 changes samples"),
            ("lossy = \"allowed\"\nratios = [10]\npsnrs = [40]", "compress.psnrs: there are ratios too"),
            ("lossy = \"allowed\"\nratios = [10, 20]", "compress.ratios: layers get better"),
            ("lossy = \"allowed\"\npsnrs = [-1]", "compress.psnrs: -1 is no target"),
        ] {
            let error = parse(&format!("[compress]\nto = \"JPEG2000\"\n{settings}\n")).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let config = parse("[compress]\nto = \"JPEG2000\"\n").unwrap();
        assert_eq!(config.compress.options().parameters.layers, Layers::Everything);
        let error = parse("[compress]\nlossy = \"yes\"\n").unwrap_err();
        assert!(error.contains("refused, allowed, allowed-for-mammography"), "{error}");
    }

    #[test]
    fn what_came_compressed_is_left_alone_unless_something_else_is_said() {
        assert_eq!(Compress::default().options().recompress, Recompress::Never);
        let config =
            parse("[compress]\nrecompress = 'lossless-only'\n[[rule]]\nname = 'x'\nrecompress = 'always'\n");
        let config = config.unwrap();
        let which: Vec<_> = config.rules().decisions().map(|decision| decision.compress.recompress).collect();
        assert_eq!(which, [Recompress::Always, Recompress::LosslessOnly]);
        for (settings, expected) in [
            ("recompress = 'sometimes'", "never, lossless-only, always"),
            ("decode_within = '0 s'", "compress.decode_within: no frame"),
            ("decode_frame_within = '0 s'", "compress.decode_frame_within: no frame"),
            ("decode_memory = '1 MiB'", "compress.decode_memory: less than 64 MiB"),
        ] {
            let error = parse(&format!("[compress]\n{settings}\n")).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_target_is_a_keyword_a_uid_or_none() {
        let keyword = |text: &str| parse(text).unwrap().compress.to.syntax().map(|syntax| syntax.keyword);
        assert_eq!(keyword("[compress]\nto = \"rlelossless\"\n"), Some("RLELossless"));
        assert_eq!(keyword("[compress]\nto = \"1.2.840.10008.1.2.4.80\"\n"), Some("JPEGLSLossless"));
        assert_eq!(keyword("[compress]\nto = \"none\"\n"), None);
        assert_eq!(keyword(""), Some("JPEGLSLossless"));
    }

    #[test]
    fn an_implementation_must_be_one_of_the_target() {
        for (text, expected) in [
            (
                "[compress]\nto = 'RLELossless'\nencoder = 'charls'\n",
                "compress.encoder: there is no \"charls\" for RLELossless",
            ),
            ("[compress]\nverify_with = 'openjpeg'\n", "compress.verify_with: there is no \"openjpeg\""),
            ("[compress]\nto = 'auto'\ncandidates = []\n", "compress.candidates"),
            ("[[rule]]\nname = 'x'\nto = 'RLELossless'\nencoder = 'openjpeg'\n", "rule[0].encoder"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        // What is inherited counts where it fits.
        parse("[compress]\nencoder = 'charls'\n[[rule]]\nname = 'x'\nto = 'RLELossless'\n").unwrap();
        parse("[compress]\nto = 'auto'\nencoder = 'openjpeg'\nverify_with = 'openjpeg'\n").unwrap();
    }

    #[test]
    fn faults_between_parts_are_listed_at_once_with_line_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("condenser.toml");
        std::fs::write(
            &path,
            "[node]\nae_title = ''\n\n[[peer]]\nname = 'a'\nae_title = 'A'\naddress = 'a:104'\n\n\
             [[peer]]\nname = 'a'\nae_title = 'A'\naddress = 'b:104'\nconcurrency = 0\n\n\
             [[rule]]\nname = 'r'\nforward = ['a', 'b']\n\n[[rule]]\nname = 'r'\n",
        )
        .unwrap();
        let error = Config::load(&path).unwrap_err().to_string();
        for fault in [
            "condenser.toml",
            "line 2: node.ae_title",
            "line 10: peer[1].name: there is another peer \"a\"",
            "line 13: peer[1].concurrency",
            "line 17: rule[0].forward[1]: rule \"r\" forwards to \"b\", which is no peer (known: a)",
            "line 20: rule[1].name: there is another rule \"r\"",
        ] {
            assert!(error.contains(fault), "{fault}: {error}");
        }
    }

    #[test]
    fn f15_a_node_does_not_forward_to_itself() {
        let config = |listen: &str, address: &str| {
            parse(&format!(
                "[node]\nlisten = ['{listen}']\n[[peer]]\nname = 'a'\nae_title = 'A'\naddress = '{address}'\n"
            ))
        };
        for (listen, address) in [
            ("127.0.0.1:104", "127.0.0.1:104"),
            ("127.0.0.1:104", "localhost:104"),
            ("0.0.0.0:104", "127.0.0.1:104"),
            ("[::]:104", "[::1]:104"),
        ] {
            let error = config(listen, address).unwrap_err();
            assert!(error.contains("peer[0].address") && error.contains("this node"), "{error}");
        }
        for (listen, address) in [("127.0.0.1:104", "127.0.0.1:105"), ("0.0.0.0:104", "192.0.2.1:104")] {
            config(listen, address).unwrap();
        }
    }

    #[test]
    fn commitment_after_that_of_the_peers_needs_peers_that_commit() {
        let config = |after: &str, commit: bool| {
            parse(&format!(
                "[commitment]\nafter = '{after}'\n[[rule]]\nname = 'r'\nforward = ['a']\n\
                 [[peer]]\nname = 'a'\nae_title = 'A'\naddress = 'a:104'\ncommit = {commit}\n\
                 [[peer]]\nname = 'modality'\nae_title = 'CT1'\naddress = 'ct1:104'\n"
            ))
        };
        let error = config("committed", false).unwrap_err();
        assert!(error.contains("commitment.after: the peer \"a\" has no `commit = true`"), "{error}");
        assert!(!error.contains("modality"), "{error}");
        for (after, commit) in [("committed", true), ("forwarded", false), ("stored", false)] {
            assert!(config(after, commit).unwrap().node.commitment, "{after}");
        }
        assert!(config("sometime", true).unwrap_err().contains("stored"));
        let off = parse("[commitment]\noffer = false\n").unwrap();
        assert!(!off.node.commitment);
        let error =
            parse("[commitment]\nwithin = '0 s'\nretry = { first = '0 s', longest = '2 d' }\n").unwrap_err();
        for key in ["commitment.within", "commitment.retry.first", "commitment.retry.longest"] {
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn the_queue_lies_in_the_store_unless_it_is_told_otherwise() {
        let url = |text: &str| parse(text).unwrap().queue_url().to_string();
        assert_eq!(url(""), "sqlite:data/queue.db");
        assert_eq!(url("[store]\npath = '/srv/dicom'\n"), "sqlite:/srv/dicom/queue.db");
        assert_eq!(url("[queue]\nurl = 'sqlite:/var/lib/q.db'\n"), "sqlite:/var/lib/q.db");
    }

    #[test]
    fn all_faults_are_listed_at_once() {
        let error =
            parse("[node]\nae_title = \"SEVENTEEN LETTERS\"\n[node.limits]\nassociations = 0\n").unwrap_err();
        assert!(error.contains("ae_title") && error.contains("associations"), "{error}");
    }
}
