//! Run-time choice of the instruction set.

use serde::{Deserialize, Serialize};

/// Version of the bits that the kernels produce. It is raised by every change that alters a result of any kernel, so
/// that a record tells whether its run can be repeated to the bit.
pub const BITS_VERSION: u32 = 2;

/// The instruction set that the kernels run on. All of them produce the same bits; `Scalar` is slower by an order of
/// magnitude because it has no fused multiply-add in hardware (or was compiled without it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumericLevel {
    /// x86-64 with AVX-512 F, VL, DQ and BW.
    Avx512,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// AArch64.
    Neon,
    /// Anything else.
    Scalar,
}

impl NumericLevel {
    /// All levels, fastest first.
    pub const ALL: [NumericLevel; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// Whether this machine can run the level.
    #[inline]
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && Self::Avx2.is_available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("lzcnt")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Scalar => cfg!(not(target_arch = "aarch64")),
        }
    }

    /// The levels that this machine can run, fastest first.
    pub fn available() -> impl Iterator<Item = NumericLevel> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// The name used in records: `avx512`, `avx2`, `neon` or `scalar`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Scalar => "scalar",
        }
    }

    /// Runs `kernel` compiled for this level, or returns `None` where the machine lacks it. For tests and benchmarks;
    /// everything else calls [`vectorize`].
    #[inline(always)]
    pub fn run<R>(self, kernel: impl FnOnce() -> R) -> Option<R> {
        Found::check(self).map(
            #[inline(always)]
            |found| found.run(kernel),
        )
    }
}

/// The level that [`vectorize`] uses on this machine.
pub fn numeric_level() -> NumericLevel {
    Found::best().0
}

/// A level that this machine has been found to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found(NumericLevel);

impl Found {
    /// The fastest level.
    #[inline]
    pub(super) fn best() -> Found {
        #[cfg(target_arch = "x86_64")]
        {
            if NumericLevel::Avx512.is_available() {
                return Found(NumericLevel::Avx512);
            }
            if NumericLevel::Avx2.is_available() {
                return Found(NumericLevel::Avx2);
            }
        }
        Found(if cfg!(target_arch = "aarch64") { NumericLevel::Neon } else { NumericLevel::Scalar })
    }

    /// This level, if the machine has it.
    pub(super) fn check(level: NumericLevel) -> Option<Found> {
        level.is_available().then_some(Found(level))
    }

    /// Whether 16 sums of 16 lanes fit the registers.
    #[inline]
    pub(super) fn has_many_registers(self) -> bool {
        self.0 == NumericLevel::Avx512
    }

    /// Runs `kernel` compiled for the level.
    #[inline(always)]
    pub(super) fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Found` exists only for levels whose features the machine has.
            NumericLevel::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            NumericLevel::Avx2 => unsafe { avx2(kernel) },
            _ => kernel(),
        }
    }
}

/// Runs `kernel` with the best instruction set of this machine.
///
/// Only code that is inlined into `kernel` is compiled for it: mark the closure and everything hot that it calls
/// `#[inline(always)]`. The choice costs about two nanoseconds, so put it around loops, not inside them; a call inside
/// another one is harmless.
#[inline(always)]
pub fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
    Found::best().run(kernel)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi2,lzcnt")]
fn avx512<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2,lzcnt")]
fn avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_level_is_the_first_available() {
        let level = numeric_level();
        assert!(level.is_available());
        assert_eq!(Some(level), NumericLevel::available().next());
        assert_eq!(level.run(|| 7), Some(7));
        assert_eq!(vectorize(|| 7), 7);
        assert_eq!(serde_name(level), format!("{:?}", level.name()));
    }

    fn serde_name(level: NumericLevel) -> String {
        serde_json::to_string(&level).unwrap()
    }

    #[test]
    fn unavailable_levels_do_not_run() {
        for level in NumericLevel::ALL {
            assert_eq!(level.run(|| ()).is_some(), level.is_available());
        }
    }
}
