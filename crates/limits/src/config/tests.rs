//! Configuration: strict, with defaults that hold, and texts that say what to do.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn defaults_are_valid_and_switch_nothing_off() {
    let config = LimitsConfig::default();
    assert_eq!(config.validate(), Ok(()));
    assert!(config.switched_off().is_empty());
    for (_, door) in config.doors() {
        for rate in [door.address, door.subnet, door.total] {
            assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        }
    }
}

#[test]
fn what_types_cannot_say_is_checked() {
    let with = |route: &str| LimitsConfig {
        routes: vec![RouteOverride { route: route.into(), address: None, person: None, total: None }],
        ..LimitsConfig::default()
    };
    for route in ["POST /transfers", "* /x/{id}"] {
        assert_eq!(with(route).validate(), Ok(()));
    }
    for route in ["/transfers", "post /x", "POST x", "POST  /x", "", " /x", "POST /x y"] {
        assert_eq!(with(route).validate(), Err(LimitsError::Route(route.into())), "{route}");
    }
    let mut twice = with("POST /x");
    twice.routes.push(twice.routes.first().unwrap().clone());
    assert_eq!(twice.validate().unwrap_err().to_string(), "`POST /x` has limits twice; join them");
    let mut door = LimitsConfig::default();
    door.token.longest_wait = 0;
    assert_eq!(door.validate(), Err(LimitsError::Wait("token")));
    let mut door = LimitsConfig::default();
    door.sign_up.forget = 0;
    assert_eq!(door.validate(), Err(LimitsError::Failures("sign-up")));
    assert_eq!(
        LimitsError::Route("x".into()).to_string(),
        "`x` is not a route; write the method and the template, such as `POST /transfers/{id}`"
    );
}

#[derive(Deserialize)]
struct File {
    limits: LimitsConfig,
}

fn read(text: &str) -> Result<LimitsConfig, String> {
    toml::from_str::<File>(text).map(|file| file.limits).map_err(|error| error.message().to_owned())
}

#[test]
fn the_document_shows_the_defaults() {
    let document = include_str!("../../../../docs/reference/limits.md");
    let example = document.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown = read(example).unwrap();
    assert_eq!(shown.routes.len(), 1);
    assert_eq!(LimitsConfig { routes: Vec::new(), ..shown.clone() }, LimitsConfig::default());
    assert_eq!(shown.validate(), Ok(()));
    for (name, door) in LimitsConfig::default().doors() {
        assert!(
            document.contains(&format!("[limits.{name}]")) && document.contains(&door.address.to_string()),
            "{name}"
        );
        assert!(document.contains(&format!("{}, {}, {} s", door.wait, door.longest_wait, door.forget)), "{name}");
    }
}

#[test]
fn files_are_read_strictly() {
    assert_eq!(read("[limits]").unwrap(), LimitsConfig::default());
    assert_eq!(read("[limits]\nperson = \"off\"").unwrap().switched_off(), ["person"]);
    for (text, expected) in [
        ("[limits]\nadress = \"1/s\"", "unknown field `adress`"),
        ("[limits]\naddress = 5", "invalid type: integer `5`"),
        ("[limits]\naddress = \"5\"", "`5` is not a rate; write it like"),
        ("[[limits.routes]]\nroute = \"GET /\"\nuser = \"1/s\"", "unknown field `user`"),
        ("[limits.in-flight]\nperson = 0", "invalid value: integer `0`"),
        ("[limits.sign-in]\naddress = \"1/s\"", "missing field `subnet`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn configuration_survives_being_written() {
    let config = LimitsConfig { device: Setting::Off, ..LimitsConfig::default() };
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<LimitsConfig>(&text).unwrap(), config);
}
