//! All rules together: the first that fits decides, and `[compress]` alone where none does.

use super::compress::Compress;
use super::facts::Facts;
use super::one_rule::Rule;
use crate::net::Priority;

/// What is done with an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The name of the rule that decided; `None` where no rule fits.
    pub rule: Option<String>,
    /// What it is condensed to.
    pub compress: Compress,
    /// The names of the peers that it is forwarded to, each once.
    pub forward: Vec<String>,
    /// How urgent its deliveries are.
    pub priority: Priority,
}

/// The rules in their order.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<(Rule, Decision)>,
    otherwise: Decision,
}

impl Rules {
    /// Rules that inherit from `compress`. To the peers of `always`, every instance is forwarded whatever its rule says.
    pub fn new(compress: &Compress, rules: &[Rule], always: &[String]) -> Self {
        let decision = |rule: &Rule| Decision {
            rule: Some(rule.name.clone()),
            compress: rule.compress(compress),
            forward: each_once(rule.forward.iter().chain(always)),
            priority: rule.priority,
        };
        let rules = rules.iter().map(|rule| (rule.clone(), decision(rule))).collect();
        let otherwise = Decision {
            rule: None,
            compress: compress.clone(),
            forward: each_once(always.iter()),
            priority: Priority::default(),
        };
        Self { rules, otherwise }
    }

    /// What is done with an instance of which this is known.
    pub fn decide(&self, facts: &Facts<'_>) -> &Decision {
        let decided = self.rules.iter().find(|(rule, _)| rule.unmet(facts).is_none());
        decided.map_or(&self.otherwise, |(_, decision)| decision)
    }

    /// Every rule in its order, with the first condition that such an instance does not meet; none where the rule fits.
    pub fn verdicts(&self, facts: &Facts<'_>) -> impl Iterator<Item = (&str, Option<&'static str>)> {
        self.rules.iter().map(|(rule, _)| (rule.name.as_str(), rule.unmet(facts)))
    }

    /// All that can be decided: one for each rule in their order, and last the one where no rule fits.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision> {
        self.rules.iter().map(|(_, decision)| decision).chain([&self.otherwise])
    }

    /// What is done where no rule fits.
    pub fn inherited(&self) -> &Decision {
        &self.otherwise
    }

    /// Whether anything is ever forwarded.
    pub fn forward_anything(&self) -> bool {
        self.decisions().any(|decision| !decision.forward.is_empty())
    }
}

fn each_once<'n>(names: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(name) {
            kept.push(name.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::TransferSyntax;
    use serde::Deserialize;

    /// `[compress]` and rules as a file has them.
    fn rules(text: &str) -> Rules {
        #[derive(Deserialize)]
        struct File {
            #[serde(default)]
            compress: Compress,
            #[serde(default)]
            rule: Vec<Rule>,
        }
        let file: File = toml::from_str(text).unwrap();
        Rules::new(&file.compress, &file.rule, &[])
    }

    const MAMMOGRAPHY: &str = "1.2.840.10008.5.1.4.1.1.1.2";

    fn facts() -> Facts<'static> {
        Facts {
            calling: "CT1",
            called: "CONDENSER",
            from: Some([10, 1, 2, 3].into()),
            sop_class: "1.2.840.10008.5.1.4.1.1.2",
            transfer_syntax: "1.2.840.10008.1.2.1",
            modality: "CT",
            station_name: "ROOM 4",
            body_part: "HEAD",
        }
    }

    #[test]
    fn each_condition_is_met_by_one_entry_and_by_nothing_else() {
        let none = Facts::default();
        for (condition, facts, fits) in [
            ("", facts(), true),
            ("", none, true),
            ("calling = ['MR*', 'CT*']", facts(), true),
            ("calling = ['MR*']", facts(), false),
            ("called = ['CONDENSER']", facts(), true),
            ("called = ['condenser']", facts(), false),
            ("from = ['192.0.2.0/24', '10.1.0.0/16']", facts(), true),
            ("from = ['192.0.2.0/24']", facts(), false),
            ("from = ['0.0.0.0/0']", none, false),
            ("sop_class = ['CTImageStorage']", facts(), true),
            ("sop_class = ['MRImageStorage']", facts(), false),
            ("sop_class = ['1.2.840.10008.5.1.4.1.1.1.*']", Facts { sop_class: MAMMOGRAPHY, ..none }, true),
            ("sop_class = ['1.2.840.10008.5.1.4.1.1.1.*']", facts(), false),
            ("transfer_syntax = ['ExplicitVRLittleEndian']", facts(), true),
            ("transfer_syntax = ['1.2.840.10008.1.2.4.*']", facts(), false),
            ("modality = ['MR', 'CT']", facts(), true),
            ("modality = ['MR']", facts(), false),
            ("modality = ['*']", none, true),
            ("modality = ['?*']", none, false),
            ("station_name = ['ROOM ?']", facts(), true),
            ("station_name = ['ROOM']", facts(), false),
            ("body_part = ['HEAD']", facts(), true),
            ("body_part = ['FOOT']", facts(), false),
            ("modality = ['CT']\ncalling = ['CT1']", facts(), true),
            ("modality = ['CT']\ncalling = ['CT2']", facts(), false),
        ] {
            let rules = rules(&format!("[[rule]]\nname = 'x'\n{condition}\n"));
            assert_eq!(rules.decide(&facts).rule.is_some(), fits, "{condition} {facts:?}");
            let unmet = rules.verdicts(&facts).next().unwrap().1;
            assert!(unmet.map_or(fits, |name| !fits && condition.contains(name)), "{condition}: {unmet:?}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_inherits_what_it_does_not_say() {
        let rules = rules(
            "[compress]\nverify = false\n\
             [[rule]]\nname = 'first'\nmodality = ['CT']\nto = 'RLELossless'\nforward = ['a', 'b', 'a']\n\
             [[rule]]\nname = 'second'\nverify = true\notherwise = 'refuse'\npriority = 'high'\n",
        );
        let first = rules.decide(&facts());
        assert_eq!(first.rule.as_deref(), Some("first"));
        assert_eq!(first.compress.to.syntax().unwrap().keyword, "RLELossless");
        assert!(!first.compress.verify, "inherited");
        assert_eq!(
            (&first.forward[..], first.priority),
            (&["a".to_owned(), "b".to_owned()][..], Priority::Medium)
        );
        let second = rules.decide(&Facts { modality: "MR", ..facts() });
        assert_eq!(second.rule.as_deref(), Some("second"));
        assert_eq!(second.compress.to.syntax().unwrap().keyword, "JPEGLSLossless", "inherited");
        assert!(second.compress.verify && second.forward.is_empty() && second.priority == Priority::High);
    }

    #[test]
    fn without_a_rule_that_fits_there_is_compress_and_no_peer() {
        let rules =
            rules("[compress]\nto = 'none'\n[[rule]]\nname = 'x'\nmodality = ['MG']\nforward = ['a']\n");
        let decision = rules.decide(&facts());
        assert_eq!((&decision.rule, decision.compress.choice(), &decision.forward), (&None, None, &vec![]));
        assert!(rules.forward_anything());
    }

    #[test]
    fn the_targets_are_tried_in_their_order() {
        let chosen = |text: &str| {
            let rules = rules(text);
            let choice = rules.decide(&facts()).compress.choice().unwrap();
            let names = |syntaxes: &[&'static TransferSyntax]| -> Vec<&'static str> {
                syntaxes.iter().map(|syntax| syntax.keyword).collect()
            };
            (names(&choice.candidates), names(&choice.fallback))
        };
        assert_eq!(chosen(""), (vec!["JPEGLSLossless"], vec![]));
        let fallback = "[compress]\nfallback = ['RLELossless', 'JPEGLSLossless']\n";
        assert_eq!(chosen(fallback), (vec!["JPEGLSLossless"], vec!["RLELossless"]));
        let inherited = format!("{fallback}[[rule]]\nname = 'x'\nto = 'RLELossless'\n");
        assert_eq!(chosen(&inherited), (vec!["RLELossless"], vec!["JPEGLSLossless"]));
        let auto = "[compress]\nto = 'auto'\n[[rule]]\nname = 'x'\ncandidates = ['RLELossless', 'JPEG2000Lossless']\n";
        assert_eq!(chosen(auto), (vec!["RLELossless", "JPEG2000Lossless"], vec![]));
    }

    #[test]
    fn some_peers_get_everything() {
        let rule = Rule { name: "x".to_owned(), forward: vec!["a".to_owned()], ..Rule::default() };
        let always = ["b".to_owned(), "a".to_owned()];
        let rules = Rules::new(&Compress::default(), &[rule], &always);
        assert_eq!(rules.decide(&facts()).forward, ["a", "b"]);
        assert_eq!(Rules::new(&Compress::default(), &[], &always).decide(&facts()).forward, always);
        assert!(!Rules::new(&Compress::default(), &[], &[]).forward_anything());
    }

    #[test]
    fn what_cannot_be_a_condition_is_refused() {
        for (rule, expected) in [
            ("modality = []", "empty list"),
            ("sop_class = ['CTImage']", "no SOP class"),
            ("transfer_syntax = ['']", "no transfer syntax"),
            ("from = ['10.1']", "range of addresses"),
            ("to = 'MPEG2MPML'", "cannot write"),
            ("fallback = ['none']", "not a transfer syntax"),
            ("encoder = 'fastest'", "no implementation"),
            ("modalities = ['CT']", "modalities"),
            ("priority = 'urgent'", "urgent"),
        ] {
            let error = toml::from_str::<Rule>(&format!("name = 'x'\n{rule}\n")).unwrap_err().to_string();
            assert!(error.contains(expected), "{rule}: {error}");
        }
    }
}
