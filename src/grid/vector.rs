//! Vectors in patient space.
//!
//! Input and output: `[x, y, z]`, in mm or without unit.

/// Scalar product.
#[inline]
pub fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Vector product.
#[inline]
pub fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Sum.
#[inline]
pub fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// Difference.
#[inline]
pub fn subtract(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// `a` times `factor`.
#[inline]
pub fn scale(a: [f64; 3], factor: f64) -> [f64; 3] {
    [a[0] * factor, a[1] * factor, a[2] * factor]
}

/// `start + distance * direction`.
#[inline]
pub fn along(start: [f64; 3], direction: [f64; 3], distance: f64) -> [f64; 3] {
    add(start, scale(direction, distance))
}

/// Length.
#[inline]
pub fn length(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

/// The unit vector of `a`; a null vector stays as it is.
#[inline]
pub fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = length(a);
    if length > 0.0 { scale(a, 1.0 / length) } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_left_and_head_points_to_the_front() {
        assert_eq!(cross([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]), [0.0, -1.0, 0.0]);
        assert!((unit([0.0, 3.0, 4.0])[1] - 0.6).abs() < 1e-12);
        assert_eq!(unit([0.0; 3]), [0.0; 3]);
    }
}
