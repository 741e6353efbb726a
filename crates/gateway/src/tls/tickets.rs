//! Session tickets (RFC 8446 section 4.6.1) that every node of an installation opens, before and after a restart: sealed
//! by AES-256-GCM under keys that belong to windows of six hours.
//!
//! The key of a window comes by HKDF from a secret and the window's number, so that nodes agree without talking. A ticket
//! opens in its own window and in the next one; tickets of the window to come are opened, too, for nodes whose clock is
//! ahead. Rotating the secret voids all tickets at once, which costs each client one full handshake.
//!
//! Forward secrecy: who learns the secret later can derive the keys of past windows and open recorded tickets. Over TLS
//! 1.3 that decrypts no recorded traffic: what a ticket holds is derived one way from its session, and resumption always
//! adds a fresh key exchange (`psk_dhe_ke` is the only mode offered, and there is no early data). Over TLS 1.2 a ticket
//! holds the master secret itself, so listeners that allow it seal under random keys of the process alone.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::server::ProducesTickets;
use testudo_core::Clock;
use testudo_crypto::aead::{Aes256Gcm, NONCE, TAG};
use testudo_crypto::digest::{equal, hkdf_sha256};
use zeroize::Zeroizing;

/// Seconds of a window.
const WINDOW: u32 = 6 * 60 * 60;
const LABEL: &[u8] = b"testudo tls ticket 1";
const NUMBER: usize = 4;
/// Far more than a ticket of ours has.
const MAX_TICKET: usize = 4 * 1024;

/// The keys of session tickets, shared by the listeners of a process.
pub struct TicketKeys {
    clock: Arc<dyn Clock>,
    keys: ArcSwap<Keys>,
}

/// The keys around a window: of the one before, its own, and of the next one.
struct Keys {
    secret: Zeroizing<[u8; 32]>,
    window: u32,
    all: [Option<Aes256Gcm>; 3],
}

impl TicketKeys {
    /// Keys from a secret that all nodes share and that is used for nothing else.
    pub fn new(secret: &[u8; 32], clock: Arc<dyn Clock>) -> Arc<TicketKeys> {
        let (window, _) = window(&*clock);
        let keys = ArcSwap::from_pointee(Keys::around(window, secret));
        Arc::new(TicketKeys { clock, keys })
    }

    /// Takes in the secret of now. When it is another one, tickets that were issued before are void.
    pub fn replace(&self, secret: &[u8; 32]) {
        if !equal(secret, self.keys.load().secret.as_ref()) {
            self.keys.store(Arc::new(Keys::around(window(&*self.clock).0, secret)));
        }
    }

    /// The keys around the window of now, made when it begins.
    fn current(&self) -> Arc<Keys> {
        let (window, _) = window(&*self.clock);
        let keys = self.keys.load_full();
        if keys.window == window {
            return keys;
        }
        self.keys.rcu(|keys| Keys::around(window, &keys.secret));
        self.keys.load_full()
    }
}

impl Keys {
    fn around(window: u32, secret: &[u8; 32]) -> Keys {
        let numbers = [window.wrapping_sub(1), window, window.wrapping_add(1)];
        Keys { secret: Zeroizing::new(*secret), window, all: numbers.map(|number| key(secret, number)) }
    }

    fn of(&self, number: u32) -> Option<&Aes256Gcm> {
        let place = usize::try_from(number.wrapping_add(1).wrapping_sub(self.window)).ok()?;
        self.all.get(place)?.as_ref()
    }
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    /// Until the end of the next window.
    fn lifetime(&self) -> u32 {
        2 * WINDOW - window(&*self.clock).1
    }

    /// The number of the window, nonce, ciphertext, tag.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let keys = self.current();
        let mut ticket = Vec::with_capacity(NUMBER + NONCE + plain.len() + TAG);
        ticket.extend_from_slice(&keys.window.to_be_bytes());
        keys.of(keys.window)?.seal(LABEL, plain, &mut ticket);
        (ticket.len() <= MAX_TICKET).then_some(ticket)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (number, rest) = ticket.split_first_chunk::<NUMBER>().filter(|_| ticket.len() <= MAX_TICKET)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG>()?;
        let keys = self.current();
        let mut plain = keys.of(u32::from_be_bytes(*number))?.open(nonce, LABEL, ciphertext, tag)?;
        Some(std::mem::take(&mut *plain))
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys([redacted])")
    }
}

/// The number of the window of now, and how many seconds of it have passed.
fn window(clock: &dyn Clock) -> (u32, u32) {
    let seconds = clock.now().micros().div_euclid(1_000_000);
    let (number, passed) = (seconds.div_euclid(i64::from(WINDOW)), seconds.rem_euclid(i64::from(WINDOW)));
    (u32::try_from(number).unwrap_or(0), u32::try_from(passed).unwrap_or(0))
}

fn key(secret: &[u8; 32], number: u32) -> Option<Aes256Gcm> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf_sha256(secret, &number.to_be_bytes(), LABEL, key.as_mut()).then(|| Aes256Gcm::new(&key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    use std::time::Duration;

    use testudo_core::Timestamp;

    use super::*;

    struct Set(AtomicI64);

    impl Clock for Set {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Relaxed) * 1_000_000)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn at(seconds: i64) -> Arc<Set> {
        Arc::new(Set(AtomicI64::new(seconds)))
    }

    const NOON: i64 = 80_000 * WINDOW as i64;

    #[test]
    fn a_ticket_opens_on_every_node_in_its_window_and_the_next() {
        let clock = at(NOON + 7);
        let issuer = TicketKeys::new(&[7; 32], clock.clone());
        let ticket = issuer.encrypt(b"session").unwrap();
        assert_eq!(issuer.lifetime(), 2 * WINDOW - 7);
        assert!(!ticket.windows(7).any(|piece| piece == b"session"));
        assert_ne!(issuer.encrypt(b"session").unwrap(), ticket);
        let other = at(NOON);
        let node = TicketKeys::new(&[7; 32], other.clone());
        let window = i64::from(WINDOW);
        // A node whose clock is behind opens it, too.
        for (now, opens) in [(-1, true), (0, true), (window, true), (2 * window - 1, true), (2 * window, false)] {
            other.0.store(NOON + now, Relaxed);
            assert_eq!(node.decrypt(&ticket).as_deref(), opens.then_some(&b"session"[..]), "{now}");
        }
        other.0.store(NOON - window - 1, Relaxed);
        assert_eq!(node.decrypt(&ticket), None);
        // As long as it was promised to the client, and no second longer.
        clock.0.store(NOON + 7 + i64::from(2 * WINDOW - 7) - 1, Relaxed);
        assert!(issuer.decrypt(&ticket).is_some());
        clock.0.fetch_add(1, Relaxed);
        assert!(issuer.decrypt(&ticket).is_none());
    }

    #[test]
    fn what_was_changed_cut_or_sealed_elsewhere_does_not_open() {
        let keys = TicketKeys::new(&[7; 32], at(NOON));
        let ticket = keys.encrypt(b"session").unwrap();
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(keys.decrypt(&changed), None, "byte {place}");
            assert_eq!(keys.decrypt(&ticket[..place]), None, "cut at {place}");
        }
        assert_eq!(keys.decrypt(&[&ticket[..], b"x"].concat()), None);
        assert_eq!(keys.decrypt(&vec![0; 1 << 20]), None);
        assert_eq!(TicketKeys::new(&[8; 32], at(NOON)).decrypt(&ticket), None);
    }

    #[test]
    fn another_secret_voids_what_was_issued_and_the_same_one_does_not() {
        let keys = TicketKeys::new(&[7; 32], at(NOON));
        let ticket = keys.encrypt(b"session").unwrap();
        keys.replace(&[7; 32]);
        assert!(keys.decrypt(&ticket).is_some());
        keys.replace(&[8; 32]);
        assert!(keys.decrypt(&ticket).is_none());
        let ticket = keys.encrypt(b"session").unwrap();
        assert!(TicketKeys::new(&[8; 32], at(NOON)).decrypt(&ticket).is_some());
        assert_eq!(format!("{keys:?}"), "TicketKeys([redacted])");
    }

    #[test]
    fn a_clock_before_1970_is_a_window_like_another() {
        let keys = TicketKeys::new(&[7; 32], at(-5));
        let ticket = keys.encrypt(b"session").unwrap();
        assert!(keys.decrypt(&ticket).is_some());
    }
}
