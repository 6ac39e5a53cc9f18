//! Memory that threads take for a while and give back, so that later rounds do not allocate it again.

use std::sync::{Mutex, PoisonError};

/// Workspaces that nobody uses at the moment: at most as many as threads ever worked at once.
#[derive(Debug)]
pub(crate) struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Spare(Mutex::new(Vec::new()))
    }
}

impl<T> Spare<T> {
    /// Lends a workspace, a new one if none is free. What it holds must not change any result.
    pub(crate) fn lend<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut space = free.unwrap_or_else(make);
        let result = work(&mut space);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(space);
        result
    }
}

/// Makes a buffer at least so long; it never gets shorter.
pub(crate) fn grow(memory: &mut Vec<f32>, len: usize) {
    if memory.len() < len {
        memory.resize(len, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        let spare = Spare::default();
        spare.lend(Vec::new, |v: &mut Vec<u8>| v.push(1));
        spare.lend(
            || panic!("one is free"),
            |v| {
                assert_eq!(*v, [1]);
                spare.lend(Vec::new, |other| assert!(other.is_empty()));
            },
        );
    }
}
