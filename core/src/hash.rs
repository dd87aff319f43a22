//! Hashes that are the same on every machine.

/// FNV-1a (Fowler, Noll, Vo), for fingerprints and for what only has to look random.
///
/// It takes bytes by its definition. A larger number in one step is quicker, and as good where only differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fnv1a(u64);

impl Fnv1a {
    /// The hash of nothing.
    pub const EMPTY: Self = Self(0xCBF2_9CE4_8422_2325);

    /// The hash of these bytes.
    pub fn of(bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut hash = Self::EMPTY;
        bytes.into_iter().for_each(|byte| hash.add(byte.into()));
        hash
    }

    /// Goes on with one more number.
    pub const fn add(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01B3);
    }

    /// The hash as a number.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// Hashes `bytes`, eight at a time, as `FxHash` does: fast, for tables. Uids are random already, and equal hashes of
/// different error texts only lose a count, so no more is asked of it.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0x51_7c_c1_b7_27_22_0a_95;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(SEED);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| {
        mix(hash, u64::from_le_bytes(*word))
    });
    // What is left over is taken together with bytes that were hashed before.
    let hash = match bytes.last_chunk::<8>() {
        Some(_) if rest.is_empty() => hash,
        Some(last) => mix(hash, u64::from_le_bytes(*last)),
        None => rest
            .iter()
            .fold(hash, |hash, byte| mix(hash, u64::from(*byte))),
    };
    // Hash tables take their buckets from the low bits, which multiplication mixes least.
    hash.rotate_left(26)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the test vectors of the IETF's draft about FNV.
    #[test]
    fn fnv_is_that_of_others() {
        for (text, expected) in [
            ("", 0xCBF2_9CE4_8422_2325),
            ("a", 0xAF63_DC4C_8601_EC8C),
            ("foobar", 0x8594_4171_F739_67E8),
        ] {
            assert_eq!(Fnv1a::of(text.bytes()).value(), expected, "{text}");
        }
    }

    #[test]
    fn every_byte_counts() {
        for text in [
            "",
            "a",
            "b",
            "12345678",
            "123456789",
            "25211a4d-4d58-4a9b-a33e-9a4ba10994e2",
        ] {
            for at in 0..text.len() {
                let mut other = text.as_bytes().to_vec();
                other[at] ^= 1;
                assert_ne!(hash(text.as_bytes()), hash(&other), "{text} at {at}");
            }
        }
    }
}
