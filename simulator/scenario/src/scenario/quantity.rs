//! Quantities of CPU and memory as Kubernetes writes them, and the limits of a scenario's size.

use super::metric::thousandths;

/// More of anything than fits into a scenario.
pub const SIZE_MAX: u32 = 1_000_000;
/// The largest size, 1 PiB: large enough for any node, small enough that no sum overflows.
pub const MEBIBYTES_MAX: u64 = 1 << 30;
/// The most CPUs of a node or quota, a million, for the same reason.
const CPU_MILLIS_MAX: u64 = 1_000_000_000;

/// Kubernetes' quantities of CPU: `2`, `0.5` or `500m`, in thousandths of a CPU.
///
/// # Errors
/// If it is none, or more than a million CPUs: what to write instead.
pub fn cpu_millis(text: &str) -> Result<u64, String> {
    let millis = match text.strip_suffix('m') {
        Some(millis) => millis.parse().ok(),
        None => thousandths(text),
    };
    let fits = millis.filter(|millis| *millis <= CPU_MILLIS_MAX);
    fits.ok_or_else(|| format!("`{text}` is not a number of CPUs: write `2`, `0.5` or `500m`"))
}

/// Kubernetes' quantities of bytes, in whole MiB, rounded up.
///
/// # Errors
/// If it is none, or more than [`MEBIBYTES_MAX`]: what to write instead.
pub fn mebibytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u128); 8] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let unit = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
    let (number, unit) = unit.unwrap_or((text, &1));
    let bytes = number
        .parse::<u32>()
        .ok()
        .map(|number| u128::from(number) * unit);
    let mebibytes = bytes.and_then(|bytes| u64::try_from(bytes.div_ceil(1 << 20)).ok());
    mebibytes.filter(|size| *size <= MEBIBYTES_MAX).ok_or_else(|| {
        format!("`{text}` is not a size: write a whole number with a unit, such as `500Mi` or `20Gi`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_kubernetes_own() {
        for (text, expected) in [("2", 2000), ("0.5", 500), ("500m", 500), ("0", 0)] {
            assert_eq!(cpu_millis(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("1Gi", 1024),
            ("1M", 1),
            ("0", 0),
            ("1048577", 2),
            ("1Ki", 1),
        ] {
            assert_eq!(mebibytes(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "1.5.5", "-1", "99999999999999999999", "1 m"] {
            assert!(cpu_millis(text).is_err(), "{text}");
        }
        for text in ["", "Gi", "1.5Gi", "1gb", "4294967295Ti", "-1"] {
            assert!(mebibytes(text).is_err(), "{text}");
        }
    }
}
