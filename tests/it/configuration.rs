//! The commented default file says what the program does.

use resetray::config;

#[test]
fn the_commented_default_file_holds_the_defaults() {
    let text = include_str!("../../config/resetray.toml");
    let parsed = config::parse(text, std::iter::empty()).unwrap();
    assert_eq!(parsed, config::Config::default());
}

#[test]
fn the_commented_default_file_names_every_key() {
    let text = include_str!("../../config/resetray.toml");
    let written: toml::Table = text.parse().unwrap();
    let defaults = toml::Table::try_from(config::Config::default()).unwrap();
    for (section, value) in &defaults {
        let keys = |value: &toml::Value| -> Vec<String> {
            match value {
                toml::Value::Table(table) => table.keys().cloned().collect(),
                toml::Value::Array(entries) => {
                    entries[0].as_table().map(|table| table.keys().cloned().collect()).unwrap_or_default()
                }
                _ => Vec::new(),
            }
        };
        let (mut expected, mut found) = (keys(value), keys(&written[section]));
        expected.sort();
        found.sort();
        assert_eq!(expected, found, "section [{section}]");
    }
}
