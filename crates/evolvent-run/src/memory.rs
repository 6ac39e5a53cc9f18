//! Whether a run fits into the memory of this machine, decided once and before anything large is allocated: an
//! allocation that fails ends the process without a word.

use evolvent_core::Violations;
use std::fs;

/// Compares what an algorithm will hold with what there is. `genomes` is [`evolvent_core::Algorithm::holds`], `each` is
/// [`evolvent_core::Genome::bytes`].
pub(crate) fn check(genomes: f64, each: f64) -> Result<(), Violations> {
    against(genomes, each, limit())
}

fn against(genomes: f64, each: f64, limit: f64) -> Result<(), Violations> {
    let needed = genomes * each;
    let mut v = Violations::new();
    if needed.is_nan() || needed > limit {
        v.add_with_hint(
            "",
            format!("{genomes:.0} genomes of {}, {} in all", bytes(each), bytes(needed)),
            &format!("an algorithm whose genomes and matrices fit into the {} that there are", bytes(limit)),
            "a smaller population_size; for many genes, open_es, sep_cma_es and lm_ma_es hold no population and no \
             matrix over all pairs of genes",
        );
    }
    v.into_result()
}

/// `12 bytes`, `3.4 GB`.
fn bytes(n: f64) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut rest = n / 1e3;
    if rest < 1.0 {
        return format!("{n:.0} bytes");
    }
    let mut unit = 0;
    while rest >= 1e3 && unit + 1 < units.len() {
        rest /= 1e3;
        unit += 1;
    }
    format!("{rest:.1} {}", units[unit])
}

/// Bytes that this process may have: the least of what the machine has, what its container grants and what the process is
/// limited to. Where the system does not say, a tebibyte.
fn limit() -> f64 {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    [
        total(&read("/proc/meminfo")),
        address_space(&read("/proc/self/limits")),
        read("/sys/fs/cgroup/memory.max").trim().parse().ok(),
    ]
    .into_iter()
    .flatten()
    .fold((1u64 << 40) as f64, f64::min)
}

/// `MemTotal:  16384 kB`
fn total(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(1024.0 * line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()?)
}

/// `Max address space  6442450944  unlimited  bytes`
fn address_space(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(total("MemTotal:       2 kB\nMemFree: 1 kB\n"), Some(2048.0));
        assert_eq!(total(""), None);
        let limits = |soft| {
            format!("Limit  Soft Limit\nMax address space         {soft}           unlimited  bytes \n")
        };
        assert_eq!(address_space(&limits("6442450944")), Some(6_442_450_944.0));
        assert_eq!(address_space(&limits("unlimited")), None);
        assert!(limit() > 1e6);
    }

    #[test]
    fn bytes_are_written_short() {
        let written = [12.0, 3456.0, 2.5e10, 8e22].map(bytes);
        assert_eq!(written, ["12 bytes", "3.5 kB", "25.0 GB", "80000.0 EB"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(against(100.0, 800.0, 80_000.0).is_ok());
        for genomes in [101.0, f64::INFINITY, f64::NAN] {
            assert!(against(genomes, 800.0, 80_000.0).is_err());
        }
    }
}
