//! Random passwords a person can read out, such as `hita-yabe-yeni-duma-seka`.

use busker_model::Secret;

use crate::exit::{Exit, Failure};

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aeiu";
/// Groups of two syllables; a syllable is 6 bits, so that a password is 60.
const GROUPS: usize = 5;

/// A password of 60 random bits.
pub(super) fn pronounceable() -> Result<Secret, Failure> {
    let random: [u8; GROUPS * 4] = random()?;
    let mut text = String::with_capacity(GROUPS * 5);
    for (group, bytes) in random.chunks(4).enumerate() {
        if group > 0 {
            text.push('-');
        }
        for (place, byte) in bytes.iter().enumerate() {
            // Both alphabets divide 256, so every letter is equally likely.
            let letters: &[u8] = if place % 2 == 0 { CONSONANTS } else { VOWELS };
            text.push(char::from(letters[usize::from(*byte) % letters.len()]));
        }
    }
    Ok(Secret::new(text))
}

/// A secret of 256 random bits, for programs.
pub(super) fn secret() -> Result<Secret, Failure> {
    let random: [u8; 32] = random()?;
    let digits = random.iter().map(|byte| format!("{byte:02x}"));
    Ok(Secret::new(digits.collect::<String>()))
}

/// Six digits for the name of a cluster.
pub(super) fn number() -> Result<u32, Failure> {
    Ok(100_000 + u32::from_le_bytes(random()?) % 900_000)
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(Exit::Internal, format!("no randomness: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_pronounceable_and_never_the_same() {
        let (one, other) = (pronounceable().unwrap(), pronounceable().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), GROUPS * 5 - 1);
        for group in one.expose().split('-') {
            let kinds: Vec<bool> = group.bytes().map(|byte| VOWELS.contains(&byte)).collect();
            assert_eq!(kinds, [false, true, false, true], "{group}");
        }
    }

    #[test]
    fn a_cluster_number_has_six_digits() {
        assert!((100_000..1_000_000).contains(&number().unwrap()));
    }
}
