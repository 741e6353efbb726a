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
