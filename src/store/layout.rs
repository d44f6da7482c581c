//! The path of an instance inside the store, from a template and validated values only.

use super::identity::Identity;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where instances lie: `{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm` and the like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Layout {
    template: String,
    /// One list for each component of the path; the last is the file's name.
    components: Vec<Vec<Part>>,
}

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// It would lead out of the store.
    #[error("the layout must be a relative path: no leading '/'")]
    Absolute,
    /// An empty, "." or ".." component.
    #[error("the layout has a component {0:?}; each one needs a name that does not begin with '.'")]
    Component(String),
    /// A brace without its partner.
    #[error("the layout has an unmatched brace in {0:?}")]
    Brace(String),
    /// A key that is not in the table.
    #[error("the layout names {{{0}}}; known are {known}", known = known_keys())]
    UnknownKey(String),
    /// Two instances would get the same path.
    #[error("the layout must name {{SOPInstanceUID}}, or two instances would have the same path")]
    NotUnique,
    /// Characters that are awkward in file names, or that the store needs for itself.
    #[error("the layout contains {0:?}; use letters, digits, '.', '_', '-', '=', '+', ',', '@' and spaces")]
    Character(char),
    /// NAME_MAX of every file system in use is 255.
    #[error(
        "the component {component:?} of the layout can grow to {length} characters; at most {LONGEST_NAME} fit"
    )]
    TooLong {
        /// The component as written.
        component: String,
        /// Its greatest length.
        length: usize,
    },
}

/// A place inside the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The directories from the root of the store, one below the other.
    pub directories: Vec<String>,
    /// The name of the file.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Key),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    StudyInstanceUid,
    SeriesInstanceUid,
    SopInstanceUid,
    SopClassUid,
    Modality,
    PatientId,
    StudyDate,
    CallingAeTitle,
    CalledAeTitle,
}

/// What a template may name.
const KEYS: &[(&str, Key)] = &[
    ("StudyInstanceUID", Key::StudyInstanceUid),
    ("SeriesInstanceUID", Key::SeriesInstanceUid),
    ("SOPInstanceUID", Key::SopInstanceUid),
    ("SOPClassUID", Key::SopClassUid),
    ("Modality", Key::Modality),
    ("PatientID", Key::PatientId),
    ("StudyDate", Key::StudyDate),
    ("CallingAETitle", Key::CallingAeTitle),
    ("CalledAETitle", Key::CalledAeTitle),
];

/// A value is cut to this; UIDs are never longer (PS3.5 9.1).
const LONGEST_VALUE: usize = 64;
/// NAME_MAX less what a name beside another needs: `~` and a whole digest.
const LONGEST_NAME: usize = 255 - 65;
/// What a missing value is called.
const UNKNOWN: &str = "unknown";
/// Names at the root of the store that are the store's own.
pub(super) const OWN_NAMES: &[&str] = &[
    "quarantine",
    "queue.db",
    "queue.db-wal",
    "queue.db-shm",
    "queue.db-journal",
    "commitment.db",
    "commitment.db-wal",
    "commitment.db-shm",
    "commitment.db-journal",
];

impl Layout {
    /// Where this instance belongs.
    pub fn place(&self, identity: &Identity) -> Place {
        let mut directories: Vec<String> = self
            .components
            .iter()
            .map(|parts| parts.iter().map(|part| part.text(identity)).collect())
            .collect();
        // A Patient ID «quarantine» must not get into the store's own folder.
        if let Some(first) = directories.first_mut()
            && OWN_NAMES.contains(&first.as_str())
        {
            first.insert(0, '_');
        }
        // parse() admits no template without a last component.
        let name = directories.pop().unwrap_or_else(|| identity.sop_instance.as_str().to_owned());
        Place { directories, name }
    }
}

impl Place {
    /// The name for another content under the same UIDs, told apart by hexadecimal digits of its digest.
    pub fn name_beside(&self, digits: &str) -> String {
        match self.name.strip_suffix(".dcm") {
            Some(stem) => format!("{stem}~{digits}.dcm"),
            None => format!("{}~{digits}", self.name),
        }
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(template: &str) -> Result<Self, LayoutError> {
        if template.starts_with('/') {
            return Err(LayoutError::Absolute);
        }
        let components = template.split('/').map(parse_component).collect::<Result<Vec<_>, _>>()?;
        if !components.iter().flatten().any(|part| *part == Part::Value(Key::SopInstanceUid)) {
            return Err(LayoutError::NotUnique);
        }
        Ok(Self { template: template.to_owned(), components })
    }
}

impl Default for Layout {
    fn default() -> Self {
        let value = |key| vec![Part::Value(key)];
        let name = vec![Part::Value(Key::SopInstanceUid), Part::Literal(".dcm".to_owned())];
        Self {
            template: "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm".to_owned(),
            components: vec![value(Key::StudyInstanceUid), value(Key::SeriesInstanceUid), name],
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)
    }
}

impl TryFrom<String> for Layout {
    type Error = LayoutError;

    fn try_from(template: String) -> Result<Self, LayoutError> {
        template.parse()
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> Self {
        layout.template
    }
}

impl Part {
    fn text(&self, identity: &Identity) -> String {
        match self {
            Self::Literal(text) => text.clone(),
            Self::Value(key) => key.value(identity),
        }
    }

    fn longest(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Value(_) => LONGEST_VALUE,
        }
    }
}

impl Key {
    fn value(self, identity: &Identity) -> String {
        let uid = |uid: Option<&crate::dicom::Uid>, otherwise: &str| {
            uid.map_or_else(|| otherwise.to_owned(), |uid| uid.as_str().to_owned())
        };
        match self {
            Self::StudyInstanceUid => uid(identity.study.as_ref(), "unknown-study"),
            Self::SeriesInstanceUid => uid(identity.series.as_ref(), "unknown-series"),
            Self::SopInstanceUid => identity.sop_instance.as_str().to_owned(),
            Self::SopClassUid => uid(identity.sop_class.as_ref(), "unknown-class"),
            Self::Modality => sanitised(&identity.modality),
            Self::PatientId => sanitised(&identity.patient_id),
            Self::StudyDate => sanitised(&identity.study_date),
            Self::CallingAeTitle => sanitised(&identity.calling_ae),
            Self::CalledAeTitle => sanitised(&identity.called_ae),
        }
    }
}

/// Text of a stranger as part of a path: harmless characters only, never hidden, never a step upwards, never empty.
fn sanitised(text: &str) -> String {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let mut safe: String = text
        .chars()
        .take(LONGEST_VALUE)
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' })
        .collect();
    if safe.is_empty() || safe.bytes().all(|b| b == b'.') {
        return UNKNOWN.to_owned();
    }
    if safe.starts_with('.') {
        safe.replace_range(..1, "_");
    }
    safe
}

fn parse_component(component: &str) -> Result<Vec<Part>, LayoutError> {
    let brace = || LayoutError::Brace(component.to_owned());
    let mut parts = Vec::new();
    let mut rest = component;
    while !rest.is_empty() {
        let (literal, key) = rest.split_once('{').map_or((rest, None), |(literal, key)| (literal, Some(key)));
        if literal.contains('}') {
            return Err(brace());
        }
        if let Some(c) = literal.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-=+,@ ".contains(*c)) {
            return Err(LayoutError::Character(c));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let Some(key) = key else { break };
        let (key, after) = key.split_once('}').ok_or_else(brace)?;
        let found = KEYS.iter().find(|(name, _)| *name == key);
        let (_, key) = found.ok_or_else(|| LayoutError::UnknownKey(key.to_owned()))?;
        parts.push(Part::Value(*key));
        rest = after;
    }
    if parts.is_empty() || component.starts_with('.') {
        return Err(LayoutError::Component(component.to_owned()));
    }
    let length = parts.iter().map(Part::longest).sum();
    if length > LONGEST_NAME {
        return Err(LayoutError::TooLong { component: component.to_owned(), length });
    }
    Ok(parts)
}

fn known_keys() -> String {
    KEYS.iter().map(|(name, _)| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::Uid;

    fn identity() -> Identity {
        let mut identity = Identity::new(Uid::parse("1.2.3").unwrap());
        identity.study = Some(Uid::parse("1.2").unwrap());
        identity
    }

    fn path(template: &str, identity: &Identity) -> String {
        let place = template.parse::<Layout>().unwrap().place(identity);
        [place.directories, vec![place.name]].concat().join("/")
    }

    #[test]
    fn the_default_is_what_its_template_says() {
        let layout = Layout::default();
        assert_eq!(layout.to_string().parse::<Layout>().unwrap(), layout);
        let place = layout.place(&identity());
        assert_eq!(place.directories, ["1.2", "unknown-series"]);
        assert_eq!(place.name, "1.2.3.dcm");
        assert_eq!(place.name_beside("abc"), "1.2.3~abc.dcm");
    }

    #[test]
    fn values_of_strangers_are_made_harmless() {
        let cases = [
            ("CT", "CT"),
            ("", "unknown"),
            (" \0", "unknown"),
            (".", "unknown"),
            ("..", "unknown"),
            ("...", "unknown"),
            ("../../etc/x", "_._.._etc_x"),
            (".condenser", "_condenser"),
            ("/etc/cron.d/x", "_etc_cron.d_x"),
            ("a\0b\nc\\d", "a_b_c_d"),
            ("Müller", "M_ller"),
            ("quarantine", "_quarantine"),
        ];
        for (value, expected) in cases {
            let identity = Identity { patient_id: value.to_owned(), ..identity() };
            assert_eq!(
                path("{PatientID}/{SOPInstanceUID}", &identity),
                format!("{expected}/1.2.3"),
                "{value:?}"
            );
        }
        let long = Identity { calling_ae: "x".repeat(1_000_000), ..identity() };
        assert_eq!(path("{CallingAETitle}/{SOPInstanceUID}", &long).len(), 64 + "/1.2.3".len());
    }

    #[test]
    fn parts_can_be_combined() {
        let identity = Identity { modality: "MG".into(), study_date: "20260102".into(), ..identity() };
        assert_eq!(
            path("{Modality}-{StudyDate}/x/{SOPInstanceUID}.dcm", &identity),
            "MG-20260102/x/1.2.3.dcm"
        );
        assert_eq!(path("{SOPInstanceUID}", &identity), "1.2.3");
    }

    #[test]
    fn bad_templates_are_refused_with_the_reason() {
        let cases = [
            ("/{SOPInstanceUID}", "relative"),
            ("../{SOPInstanceUID}", "\"..\""),
            ("a//{SOPInstanceUID}", "\"\""),
            ("{SOPInstanceUID}/", "\"\""),
            ("", "\"\""),
            (".hidden/{SOPInstanceUID}", "begin with '.'"),
            ("{SOPInstanceUID", "brace"),
            ("SOPInstanceUID}", "brace"),
            ("{{SOPInstanceUID}}", "known are"),
            ("{PatientName}/{SOPInstanceUID}", "{PatientName}"),
            ("{StudyInstanceUID}/image.dcm", "must name {SOPInstanceUID}"),
            ("a~b/{SOPInstanceUID}", "'~'"),
            ("a\0b/{SOPInstanceUID}", "'\\0'"),
            ("{SOPInstanceUID}{StudyInstanceUID}{SeriesInstanceUID}", "192"),
        ];
        for (template, expected) in cases {
            let error = template.parse::<Layout>().unwrap_err().to_string();
            assert!(error.contains(expected), "{template:?}: {error}");
        }
    }
}
