//! The `[store]` section of the configuration.

use super::durable::Durability;
use super::keep::Keep;
use super::layout::Layout;
use crate::net::read_bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where instances rest and how safely.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder of the store, made when it is missing. A relative path counts from where the node was started.
    pub path: PathBuf,
    /// The path of a file inside the store, with values of the instance in braces.
    pub layout: Layout,
    /// Whether a store that is not there is made. `false` keeps a disk that is not mounted from being taken for an
    /// empty store.
    pub create: bool,
    /// The free bytes of its file system below which nothing is taken in, until there is a quarter more; 0 for none.
    #[serde(deserialize_with = "read_bytes")]
    pub low_water: u64,
    /// `"full"` syncs before every Success; `"none"` may lose the last minute when the power fails.
    pub durability: Durability,
    /// How long instances stay: `"forever"`, `"until-forwarded"` or a time such as `"30 d"`.
    pub keep: Keep,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "data".into(),
            layout: Layout::default(),
            create: true,
            low_water: 128 << 20,
            durability: Durability::Full,
            keep: Keep::Forever,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_default_and_unknown_ones_are_refused() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        let config: Config = toml::from_str("path = \"x\"\ndurability = \"none\"").unwrap();
        assert_eq!((config.path, config.durability), (PathBuf::from("x"), Durability::None));
        assert!(toml::from_str::<Config>("pth = \"x\"").unwrap_err().to_string().contains("pth"));
        let error = toml::from_str::<Config>("layout = \"{PatientName}/{SOPInstanceUID}\"").unwrap_err();
        assert!(error.to_string().contains("PatientName"), "{error}");
    }

    #[test]
    fn the_configuration_survives_writing_and_reading() {
        let layout = "{Modality}/{SOPInstanceUID}".parse().unwrap();
        let config = Config { layout, keep: "30d".parse().unwrap(), ..Config::default() };
        assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
    }
}
