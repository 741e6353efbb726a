//! What detectors find, and what they must leave alone.

#![allow(clippy::unwrap_used, clippy::too_many_lines, reason = "test code")]

use super::*;

fn all() -> ClassSet {
    DataClass::ALL.into_iter().collect()
}

fn found(text: &str, key: &str) -> Vec<(DataClass, String)> {
    let mut found = Vec::new();
    find(text.as_bytes(), key.as_bytes(), all(), &mut found);
    let texts = found.iter().map(|each| (each.class, text.get(each.start..each.end).unwrap().to_owned()));
    texts.collect()
}

/// What is the whole text, without any context.
#[test]
fn values_are_recognised() {
    use DataClass::{Email, Iban, NationalId, Pan, Phone};
    let table: &[(DataClass, &[&str])] = &[
        (
            Email,
            &[
                "ada@example.org",
                "ada.lovelace+x@mail.example.co.uk",
                "o'brien@example.ie",
                "a@b.museum",
                "émile@exämple.fr",
                "x_1%y@sub-domain.example.com",
                "ada@xn--bcher-kva.example",
                "1234567890@example.com",
            ],
        ),
        (
            Pan,
            &[
                "4111111111111111",
                "4111 1111 1111 1111",
                "4012-8888-8888-1881",
                "5555555555554444",
                "2223003122003222",
                "378282246310005",
                "3782 822463 10005",
                "6011111111111117",
                "3530111333300000",
                "30569309025904",
                "3056 930902 5904",
                "6200000000000005",
                "2200000000000004",
            ],
        ),
        (
            Iban,
            &[
                "DE89370400440532013000",
                "DE89 3704 0044 0532 0130 00",
                "GB82WEST12345698765432",
                "GB82 WEST 1234 5698 7654 32",
                "FR1420041010050500013M02606",
                "NL91ABNA0417164300",
                "NO9386011117947",
                "CH9300762011623852957",
                "MT84MALT011000012345MTLCAST001S",
                "BE68539007547034",
                "nl91abna0417164300",
                "PL61109010140000071219812874",
            ],
        ),
        (
            Phone,
            &[
                "+4930123456",
                "+49 30 123456",
                "+1 212 555 0123",
                "+12125550123",
                "+44 20 7946 0958",
                "+33 1 23 45 67 89",
                "+81-3-1234-5678",
                "+7 495 123 45 67",
                "+351 21 123 4567",
                "(212) 555-0123",
                "212-555-0123",
                "212.555.0123",
                "1-212-555-0123",
                "01 23 45 67 89",
                "020 7946 0958",
                "0044 20 7946 0958",
                "+91 98765 43210",
                "(212)555-0123",
                "(03) 5327 5996",
                "(021) 0025-967",
                "0680 298 70 63",
                "056 590 36 33",
                "082 490 1693",
            ],
        ),
        (
            NationalId,
            &[
                // The published sample numbers of each scheme.
                "078-05-1120",
                "12345678Z",
                "12345678-Z",
                "X1234567L",
                "Z1234567R",
                "RSSMRA85T10A562S",
                "86095742719",
                "811228-9874",
                "19811228-9874",
                "255081416802538",
                "2 55 08 14 168 025 38",
                "111.444.777-35",
                "529.982.247-25",
                "2345 6789 0124",
            ],
        ),
    ];
    for (class, values) in table {
        for value in *values {
            assert_eq!(found(value, ""), [(*class, (*value).to_owned())], "{value}");
            let sentence = format!("Please note: {value}, thanks.");
            assert_eq!(found(&sentence, ""), [(*class, (*value).to_owned())], "{sentence}");
        }
    }
}

#[test]
fn some_need_their_key_or_a_word() {
    use DataClass::{NationalId, Pan, Phone};
    let table = [
        (NationalId, "bsn", "111222333"),
        (NationalId, "customerSsn", "219099998"),
        (NationalId, "pesel", "44051401359"),
        (NationalId, "cpf", "52998224725"),
        (NationalId, "aadhaar_number", "234567890124"),
        (NationalId, "personnummer", "8112289874"),
        (NationalId, "nationalId", "44051401359"),
        (Phone, "mobile", "5551234567"),
        (Phone, "phoneNumber", "030 123456"),
        (Pan, "cardNumber", "4222222222222"),
    ];
    for (class, key, value) in table {
        assert_eq!(found(value, key), [(class, value.to_owned())], "{key}: {value}");
        assert_eq!(found(value, "reference"), [], "{value} says nothing by itself");
        let sentence = format!("{key} {value}");
        assert_eq!(found(&sentence, ""), [(class, value.to_owned())], "{sentence}");
    }
    assert_eq!(found("111222334", "bsn"), [], "the checksum counts all the same");
}

/// What must be left alone, each as it stands in banking and shop APIs.
#[test]
fn other_values_are_left_alone() {
    let values = [
        // Instants, dates, versions, places, money.
        "2026-11-24T01:40:49Z",
        "2026-11-24T01:40:49.123456+01:00",
        "20261124014049",
        "2026-11-24",
        "1764000000000",
        "1764000000000000",
        "2026-01-01 2026-12-31",
        "1.20.300.4000",
        "192.168.100.200",
        "10.0.0.1:8080",
        "2001:db8::1",
        "52.5200066,13.4049540",
        "-122.4194155",
        "1,234,567.89",
        "1 234 567 890",
        "EUR 12345.67",
        "00:1B:44:11:3A:B7",
        // Ids.
        "550e8400-e29b-41d4-a716-446655440000",
        "a716-446655440000",
        "ord_4111111111111112",
        "INV-2026-0000123",
        "01HZX3J2Q4Y5T6W7V8N9M0K1P2",
        "507f1f77bcf86cd799439011",
        "9007199254740993",
        "7203685477580112345",
        "d41d8cd98f00b204e9800998ecf8427e",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "4111111111111112",
        "4111-1111-1111-1112",
        "4111 1111 1111 11",
        "1111111111111111",
        "0000000000000000",
        "123456789",
        "987654321",
        "1234567890",
        "12345678901",
        "123456789012",
        "978-3-16-148410-0",
        "4006381333931",
        // Nearly.
        "DE89370400440532013001",
        "XX89370400440532013000",
        "DE8937040044053201300",
        "000-12-3456",
        "666-12-3456",
        "912-12-3456",
        "123-00-4567",
        "123-45-0000",
        "12345678A",
        "X1234567A",
        "RSSMRA85T10A562T",
        "RSSMRA85T40A562S",
        "811328-9874",
        "811228-9875",
        "111.444.777-36",
        "111.111.111-11",
        "0345 6789 0124",
        "+999123456789",
        "+1 112 555 0123",
        "+1234567",
        "112-555-0123",
        "212-155-0123",
        "+0 123 456 789",
        "+49000000000",
        // At signs.
        "@ada",
        "ada@",
        "ada@localhost",
        "icon@2x.png",
        "react@18.2.0",
        "git@github.com:acme/app.git",
        "a@b",
        "a@b.c",
        "a..b@example..org",
        "user@-example.org",
        "lunch @ noon",
        "@example.org",
        // Text.
        "",
        "Order 12345 of 2026",
        "v1234567",
        "0xDEADBEEF12345678",
        "AAAAAAAAAAAAAAAAAAAA",
        "12345678901234567890123456789",
    ];
    for value in values {
        assert_eq!(found(value, ""), [], "{value}");
    }
}

#[test]
fn several_are_found_in_one_text() {
    use DataClass::{Email, Iban, NationalId, Pan, Phone};
    let text = "Ada (ada@example.org, +49 30 123456) paid 4111 1111 1111 1111 12/27 to DE89 3704 0044 0532 0130 00 \
                for 111222333, ssn 078-05-1120; <grace@example.com>";
    let expected = [
        (Email, "ada@example.org"),
        (Phone, "+49 30 123456"),
        (Pan, "4111 1111 1111 1111"),
        (Iban, "DE89 3704 0044 0532 0130 00"),
        (NationalId, "078-05-1120"),
        (Email, "grace@example.com"),
    ];
    assert_eq!(found(text, ""), expected.map(|(class, text)| (class, text.to_owned())));
}

#[test]
fn numbers_are_found_behind_many_others() {
    for lead in 0..60 {
        let text = "7 ".repeat(lead) + "4111 1111 1111 1111";
        assert_eq!(found(&text, ""), [(DataClass::Pan, "4111 1111 1111 1111".to_owned())], "{lead}");
    }
}

#[test]
fn extensions_are_left_behind() {
    assert_eq!(found("212-555-0123x99", ""), [(DataClass::Phone, "212-555-0123".to_owned())]);
    assert_eq!(found("0x4111111111111111", ""), []);
    assert_eq!(found("4111x1111x1111x1111", ""), []);
}

#[test]
fn only_what_is_asked_for_is_found() {
    let mut found = Vec::new();
    find(b"ada@example.org 4111111111111111", b"", ClassSet::EMPTY.with(DataClass::Pan), &mut found);
    assert_eq!(found, [Found { start: 16, end: 32, class: DataClass::Pan }]);
}

#[test]
fn numbers_are_card_numbers_or_nothing() {
    assert_eq!(number(b"4111111111111111", all()), Some(DataClass::Pan));
    assert_eq!(number(b"378282246310005", all()), Some(DataClass::Pan));
    for other in ["4111111111111112", "4111111111111111.0", "-411111111111111", "1764000000000000", "1e15", "12"] {
        assert_eq!(number(other.as_bytes(), all()), None, "{other}");
    }
}

/// Of the numbers of each length, how many are taken for personal without any context.
#[test]
fn chance_is_seldom_taken_for_data() {
    let mut state = 1_u64;
    for (length, most) in
        [(8, 0), (9, 0), (10, 0), (11, 120), (12, 0), (13, 0), (14, 80), (15, 120), (16, 840), (17, 0), (19, 0)]
    {
        let mut hits = 0;
        for _ in 0..20_000 {
            let digits: String = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    char::from(b'0' + u8::try_from((state >> 33) % 10).unwrap())
                })
                .collect();
            hits += usize::from(!found(&digits, "id").is_empty());
        }
        assert!(hits <= most, "{hits} of 20000 numbers of {length} digits");
    }
}

#[test]
fn long_texts_are_read_in_linear_time() {
    for unit in ["1 ", "12-", "a@", "4111 ", "+", "A1", "x@y.", "(", ".@."] {
        let text = unit.repeat(40_000 / unit.len());
        let mut found = Vec::new();
        find(text.as_bytes(), b"key", all(), &mut found);
    }
}
