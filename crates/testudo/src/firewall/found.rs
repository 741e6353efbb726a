//! What people are told of a rule that matched: how grave it is, what it adds to the score, and what would exclude it.

use testudo_waf::{Match, Transaction};

/// The name of a severity (RFC 5424, 6.2.1).
pub fn severity(found: &Match) -> Option<&'static str> {
    let names = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"];
    names.get(usize::from(found.severity?)).copied()
}

/// What the Core Rule Set, and our own rules, add to the score by default for a rule of this severity.
pub fn score(found: &Match) -> Option<u32> {
    if !found.tags.iter().any(|tag| tag.starts_with("paranoia-level/")) {
        return None;
    }
    match found.severity? {
        0..=2 => Some(5),
        3 => Some(4),
        4 => Some(3),
        5 => Some(2),
        _ => None,
    }
}

/// The score of a request, and the one from which on it is refused.
pub fn scores(transaction: &mut Transaction) -> (Option<u32>, Option<u32>) {
    let mut number = |name| String::from_utf8(transaction.tx(name)?).ok()?.parse().ok();
    let score = ["blocking_inbound_anomaly_score", "anomaly_score"].into_iter().find_map(&mut number);
    (score, number("inbound_anomaly_score_threshold"))
}

/// The update that takes the variable of a match from its rule. None for rules that only sum up what others found.
pub fn exclusion(found: &Match) -> Option<String> {
    let (Some(0..=5), false) = (found.severity, found.variable.starts_with("TX:")) else { return None };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-[]/*@".contains(&byte);
    if found.variable.is_empty() || !found.variable.bytes().all(plain) {
        return Some(format!("SecRuleRemoveById {}", found.id));
    }
    Some(format!("SecRuleUpdateTargetById {} \"!{}\"", found.id, found.variable))
}

/// The fewest updates under which the scores of these matches stay below the threshold; none when there is no score to go by.
pub fn fewest(matches: &[Match], score_now: u32, threshold: u32) -> Vec<String> {
    let mut grave: Vec<(&Match, u32)> = matches.iter().filter_map(|found| Some((found, score(found)?))).collect();
    // The gravest first, and of equals the first: few of them suffice.
    grave.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    let mut lines = Vec::new();
    let mut left = score_now;
    for (found, score) in grave {
        if left < threshold {
            return lines;
        }
        if let Some(line) = exclusion(found) {
            if !lines.contains(&line) {
                lines.push(line);
            }
            left = left.saturating_sub(score);
        }
    }
    if left < threshold { lines } else { Vec::new() }
}
