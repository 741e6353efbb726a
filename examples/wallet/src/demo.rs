//! Made-up data, the same for the same person.

use crate::bank::{Account, Booking, Card, Person, Profile};

const FIRST_NAMES: &[&str] = &["Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Fatou", "Grete", "Hugo", "Ines", "Jonas"];
const LAST_NAMES: &[&str] =
    &["Albers", "Bianchi", "Costa", "Dubois", "Ekwueme", "Fischer", "Garcia", "Hansen", "Ivanova"];
const STREETS: &[&str] = &["Lindenweg", "Rue des Lilas", "Via Roma", "Calle Mayor", "Mill Lane"];
const SHOPS: &[&str] = &["Corner Grocery", "City Transit", "Green Power", "Harbour Books", "North Gym", "Cloud Phone"];

/// The months that have a statement, oldest first.
pub(crate) const MONTHS: &[&str] = &["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09"];

/// A stream of numbers that starts at a text (`SplitMix64` over FNV-1a). Nothing here needs to be secret.
struct Numbers(u64);

impl Numbers {
    fn of(text: &str) -> Numbers {
        let seed = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Numbers(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or_default();
        from.get(at).copied().unwrap_or_default()
    }

    fn amount(&mut self, from: u64, to: u64) -> i64 {
        i64::try_from(from + self.below(to.saturating_sub(from))).unwrap_or_default()
    }

    fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{:012x}", self.next() >> 16)
    }
}

/// What a person starts with.
pub(crate) fn person(id: &str) -> Person {
    let mut numbers = Numbers::of(id);
    let (first, last) = (numbers.pick(FIRST_NAMES), numbers.pick(LAST_NAMES));
    let profile = Profile {
        name: format!("{first} {last}"),
        email: format!("{}.{}@mail.example", first.to_lowercase(), last.to_lowercase()),
        phone: format!("+49151{:08}", numbers.below(100_000_000)),
        address: format!(
            "{} {}, {:05} Musterstadt",
            numbers.pick(STREETS),
            1 + numbers.below(120),
            10_000 + numbers.below(80_000)
        ),
        born: format!("{}-{:02}-{:02}", 1950 + numbers.below(55), 1 + numbers.below(12), 1 + numbers.below(28)),
        language: "en".into(),
    };
    let accounts: Vec<Account> = [("Everyday", "current"), ("Rainy days", "savings")]
        .map(|(name, kind)| account(&mut numbers, name, kind))
        .into();
    let cards = ["debit", "credit"]
        .iter()
        .zip(accounts.iter().cycle())
        .map(|(scheme, account)| Card {
            id: numbers.id("crd"),
            account: account.id.clone(),
            scheme,
            pan: pan(&mut numbers),
            expires: format!("20{}-{:02}", 28 + numbers.below(4), 1 + numbers.below(12)),
            frozen: false,
        })
        .collect();
    Person::new(profile, accounts, cards)
}

fn account(numbers: &mut Numbers, name: &'static str, kind: &'static str) -> Account {
    let mut history = Vec::new();
    let mut balance = numbers.amount(50_000, 400_000);
    for month in MONTHS {
        for day in [1, 3, 7, 12, 19, 26] {
            let salary = day == 1;
            let amount = if salary { numbers.amount(180_000, 420_000) } else { -numbers.amount(500, 45_000) };
            balance += amount;
            let with = if salary { "Example Employer" } else { numbers.pick(SHOPS) };
            history.push(Booking { date: format!("{month}-{day:02}"), with, amount, balance });
        }
    }
    Account { id: numbers.id("acc"), name, kind, iban: iban(numbers), currency: "EUR", balance, history }
}

/// A German IBAN of a bank code that does not exist, with right check digits (ISO 7064 mod 97-10).
fn iban(numbers: &mut Numbers) -> String {
    let body = format!("99999999{:010}", numbers.below(10_000_000_000));
    let check = 98 - remainder_97(&format!("{body}131400"));
    format!("DE{check:02}{body}")
}

fn remainder_97(digits: &str) -> u32 {
    digits.bytes().fold(0, |rest, byte| (rest * 10 + u32::from(byte.saturating_sub(b'0'))) % 97)
}

/// Whether the check digits of an IBAN are right.
pub(crate) fn is_iban(text: &str) -> bool {
    let shape = (15..=34).contains(&text.len())
        && text.bytes().enumerate().all(|(at, byte)| match at {
            0 | 1 => byte.is_ascii_uppercase(),
            2 | 3 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        });
    let Some((head, body)) = text.split_at_checked(4).filter(|_| shape) else { return false };
    let digits: String =
        body.chars().chain(head.chars()).filter_map(|c| c.to_digit(36)).map(|n| n.to_string()).collect();
    remainder_97(&digits) == 1
}

/// A card number of a range for tests, with the right check digit (ISO/IEC 7812-1).
fn pan(numbers: &mut Numbers) -> String {
    let body = format!("400000{:09}", numbers.below(1_000_000_000));
    let sum: u32 = body.bytes().rev().enumerate().map(|(at, byte)| luhn(at % 2 == 0, u32::from(byte - b'0'))).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn luhn(doubled: bool, digit: u32) -> u32 {
    match (doubled, digit * 2) {
        (false, _) => digit,
        (true, twice) if twice > 9 => twice - 9,
        (true, twice) => twice,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn the_same_person_has_the_same_data_and_no_other() {
        let (one, again, other) = (person("per_1"), person("per_1"), person("per_2"));
        assert_eq!(one.accounts, again.accounts);
        assert_eq!(one.cards, again.cards);
        assert_ne!(one.accounts[0].id, other.accounts[0].id);
        assert_ne!(one.accounts[0].iban, one.accounts[1].iban);
    }

    #[test]
    fn check_digits_are_right() {
        for id in 0..200 {
            let person = person(&format!("per_{id}"));
            assert!(person.accounts.iter().all(|account| is_iban(&account.iban)));
            for card in &person.cards {
                let sum: u32 =
                    card.pan.bytes().rev().enumerate().map(|(at, b)| luhn(at % 2 == 1, u32::from(b - b'0'))).sum();
                assert_eq!((sum % 10, card.pan.len()), (0, 16), "{}", card.pan);
            }
        }
        assert!(is_iban("GB82WEST12345698765432"));
        for wrong in ["GB83WEST12345698765432", "gb82west12345698765432", "GB82", "", "GB82WEST1234569876543é"] {
            assert!(!is_iban(wrong), "{wrong}");
        }
    }

    #[test]
    fn balances_follow_from_bookings() {
        for account in person("per_1").accounts {
            assert_eq!(account.history.last().unwrap().balance, account.balance);
            assert_eq!(account.history.len(), MONTHS.len() * 6);
        }
    }
}
