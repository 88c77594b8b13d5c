//! Arithmetic of patient vectors (LPS, mm).

/// Scalar product.
pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `a - b`.
pub(super) fn minus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

/// `start + length * direction`.
pub(super) fn along(start: [f64; 3], direction: [f64; 3], length: f64) -> [f64; 3] {
    std::array::from_fn(|axis| start[axis] + length * direction[axis])
}

/// `direction * length`.
pub(super) fn times(direction: [f64; 3], length: f64) -> [f64; 3] {
    direction.map(|value| value * length)
}

/// The direction or its opposite, whichever points towards `aim`.
pub(super) fn towards(direction: [f64; 3], aim: [f64; 3]) -> [f64; 3] {
    if dot(direction, aim) < 0.0 { times(direction, -1.0) } else { direction }
}

/// Vector product.
pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
