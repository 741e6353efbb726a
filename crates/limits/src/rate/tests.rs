//! Rates: what is read, what is refused, and that text and value agree.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn limit(text: &str) -> (Micros, Micros) {
    let limit = text.parse::<Rate>().unwrap().limit();
    (limit.interval, limit.tolerance)
}

#[test]
fn rates_are_read() {
    assert_eq!(limit("100/s"), (10_000, 990_000));
    assert_eq!(limit("1000/min burst 200"), (60_000, 199 * 60_000));
    assert_eq!(limit("5/10s burst 1"), (2_000_000, 0));
    assert_eq!(limit("3/s"), (333_334, 666_668));
    assert_eq!(limit("1/h"), (3_600_000_000, 0));
    assert_eq!("off".parse::<Setting>().unwrap(), Setting::Off);
}

#[test]
fn what_is_no_rate_says_what_to_write() {
    for (text, expected) in [
        ("", "`` is not a rate; write it like `100/s`, `5/10s` or `1000/min burst 200`"),
        ("100", "`100` is not a rate; write it like `100/s`, `5/10s` or `1000/min burst 200`"),
        ("100/s burst", "`100/s burst` is not a rate; write it like `100/s`, `5/10s` or `1000/min burst 200`"),
        ("100/s burst 1 2", "`100/s burst 1 2` is not a rate; write it like `100/s`, `5/10s` or `1000/min burst 200`"),
        ("100/week", "`week` is not a unit of time; use `s`, `min`, `h` or `day`"),
        ("0/s", "`0` is not a number from 1 to 1000000"),
        ("+5/s", "`+5` is not a number from 1 to 1000000"),
        ("5/0s", "`0` is not a number from 1 to 1000000"),
        ("1000001/min", "`1000001` is not a number from 1 to 1000000"),
        ("99999999999999999999/s", "`9999999999999999` is not a number from 1 to 1000000"),
        ("100001/s", "`100001/s` is more than 100000 requests a second; use a lower rate, or `off`"),
        (
            "1/day burst 8",
            "`1/day burst 8` needs more than 7 days to be whole again once it is used up; use a lower burst or a higher rate",
        ),
    ] {
        assert_eq!(text.parse::<Rate>().unwrap_err().to_string(), expected);
    }
}

proptest! {
    #[test]
    fn text_round_trips(count in 1u64..2000, every in 1u64..100, unit in "s|min|h|day", burst in proptest::option::of(1u64..5000)) {
        let text = match burst {
            Some(burst) => format!("{count}/{every}{unit} burst {burst}"),
            None => format!("{count}/{every}{unit}"),
        };
        if let Ok(rate) = text.parse::<Rate>() {
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
            prop_assert!(rate.limit().interval * count >= rate.period());
            prop_assert!(rate.limit().span() <= LONGEST);
        }
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,40}") {
        let _ = (text.parse::<Rate>(), text.parse::<Setting>());
    }
}
