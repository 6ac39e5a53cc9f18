//! Pure mathematics over slices, the SIMD kernels and the deterministic parallel primitives of Evolvent.
