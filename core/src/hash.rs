//! A fast hash that is the same on every machine. Uids are random already, and equal hashes of different error texts
//! only lose a count, so no more is asked of it.

/// Hashes `bytes`, eight at a time, as `FxHash` does.
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
