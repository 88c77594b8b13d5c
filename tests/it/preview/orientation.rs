//! Right side up, whatever the direction cosines and spacings of the images are.

use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::write::preview::Preview;
use resetray::write::preview::previews;

use super::scene;
use super::scene::Storage;

const LEFT: [f64; 3] = [1.0, 0.0, 0.0];
const RIGHT: [f64; 3] = [-1.0, 0.0, 0.0];
const BACK: [f64; 3] = [0.0, 1.0, 0.0];
const FRONT: [f64; 3] = [0.0, -1.0, 0.0];

/// Every way rows and columns can lie in an axial slice: feet first, prone, decubitus and mirrored ones among them.
const DIRECTIONS: [[[f64; 3]; 2]; 8] = [
    [LEFT, BACK],
    [RIGHT, BACK],
    [LEFT, FRONT],
    [RIGHT, FRONT],
    [BACK, LEFT],
    [BACK, RIGHT],
    [FRONT, LEFT],
    [FRONT, RIGHT],
];

fn coarse(row: [f64; 3], column: [f64; 3]) -> Storage {
    Storage { row, column, row_spacing_mm: 2.0, column_spacing_mm: 2.0, slice_spacing_mm: 5.0, height_mm: 200.0 }
}

/// Gray of the ball; water is darker, also where the ball fills only a part of the depth.
const BALL_GRAY: u8 = 150;

/// A torso of water with one ball of bone in it.
fn water_with_ball(ball: [f64; 3]) -> impl Fn([f64; 3]) -> f64 {
    move |point: [f64; 3]| {
        let distance2: f64 = (0..3).map(|axis| (point[axis] - ball[axis]).powi(2)).sum();
        let inside = (point[0] / 160.0).powi(2) + (point[1] / 110.0).powi(2) < 1.0;
        if distance2 < 30.0 * 30.0 {
            1500.0
        } else if inside {
            0.0
        } else {
            -1000.0
        }
    }
}

/// Pictures of a refused liver and a refused vertebra without any findings: middle slice, sagittal, coronal.
fn pictures(storage: Storage, ball: [f64; 3]) -> Vec<Preview> {
    let volume = scene::volume(storage, water_with_ball(ball));
    let targets = [Term::L1Hu, Term::LiverHu].map(|term| scene::refused(term, Reason::StructureNotFound, "none"));
    previews(&volume, &scene::absent("none"), &targets)
}

/// Bounding box `[left, top, right, bottom]` of the bright ball in a part of the picture, as columns and rows.
fn ball_box(picture: &Preview, columns: std::ops::Range<usize>) -> [usize; 4] {
    let width = picture.width as usize;
    let pixels = scene::pixels(picture);
    let white = |x: usize, y: usize| pixels[y * width + x].iter().all(|&value| value > BALL_GRAY);
    // Letters and bars are never this thick.
    let solid = |x: usize, y: usize| (0..9).all(|step| white(x + step, y) && white(x, y + step));
    let mut found = [usize::MAX, usize::MAX, 0, 0];
    for y in 96..560 {
        for x in columns.clone() {
            if solid(x, y) {
                found = [found[0].min(x), found[1].min(y), found[2].max(x + 8), found[3].max(y + 8)];
            }
        }
    }
    assert!(found[0] < found[2], "no ball in {}", picture.file);
    found
}

/// Offset of the ball from the middle of a part of the picture, `[to the right, downwards]` in pixels.
fn offset(pictures: &[Preview], file: &str, columns: std::ops::Range<usize>) -> [f64; 2] {
    let picture = pictures.iter().find(|picture| picture.file == file).unwrap_or_else(|| panic!("no {file}"));
    let centre = (columns.start + columns.end) as f64 / 2.0;
    let [left, top, right, bottom] = ball_box(picture, columns);
    [(left + right) as f64 / 2.0 - centre, (top + bottom) as f64 / 2.0 - 336.0]
}

#[test]
fn pictures_are_upright_however_rows_and_columns_lie() {
    for [row, column] in DIRECTIONS {
        // Left of the middle, before it, above it; the ball reaches into all three middle planes.
        let pictures = pictures(coarse(row, column), [22.0, -12.0, 118.0]);
        let [right, down] = offset(&pictures, "preview_liver.png", 16..1008);
        assert!(right > 20.0 && down < -12.0, "axial {row:?} {column:?}: {right} {down}");
        let [right, down] = offset(&pictures, "preview_l1.png", 512..1008);
        assert!(right < -20.0 && down < -20.0, "sagittal {row:?} {column:?}: {right} {down}");
        let [right, down] = offset(&pictures, "preview_overview.png", 16..662);
        assert!(right > 20.0 && down < -15.0, "coronal {row:?} {column:?}: {right} {down}");
    }
}

#[test]
fn a_ball_is_round_whatever_the_spacings_are() {
    let storage = Storage { row_spacing_mm: 1.0, column_spacing_mm: 2.5, ..coarse(LEFT, BACK) };
    let pictures = pictures(storage, [40.0, 15.0, 100.0]);
    for (file, columns) in [("preview_liver.png", 16..1000), ("preview_overview.png", 16..650)] {
        let picture = pictures.iter().find(|picture| picture.file == file).unwrap_or_else(|| panic!("no {file}"));
        let [left, top, right, bottom] = ball_box(picture, columns);
        let ratio = (right - left) as f64 / (bottom - top) as f64;
        assert!((ratio - 1.0).abs() < 0.12, "{file}: {ratio}");
    }
}
