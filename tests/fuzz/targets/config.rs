//! Any text as the configuration file: settings that were checked, or an error that says what is wrong.

#![no_main]

use condenser::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(config) = toml::from_str::<Config>(text) else { return };
    match config.checked() {
        // What is decided with it must not panic either.
        Ok(config) => drop((config.rules(), config.queue_url())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
