//! Estimates quantiles from a hundred points: a t-digest (Dunning and Ertl, "Computing extremely
//! accurate quantiles using t-digests", 2019), in its merging form.

use serde::{Deserialize, Serialize};

/// How many centroids there are at most, about. The error of a quantile q is about q (1 - q) / 50.
const COMPRESSION: f64 = 100.0;
/// Points that are collected before they are merged.
const BUFFER: usize = 512;

/// Centroids: means and weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(f64, f64)>", into = "Vec<(f64, f64)>")]
pub(super) struct Quantiles {
    /// By mean, once they are merged.
    centroids: Vec<(f64, f64)>,
    merged: usize,
}

impl Quantiles {
    /// Takes in a value, which must be finite, that stands for `weight` values.
    pub(super) fn add(&mut self, value: f64, weight: f64) {
        self.centroids.push((value, weight));
        if self.centroids.len() - self.merged >= BUFFER {
            self.compress();
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.centroids.extend_from_slice(&other.centroids);
        self.compress();
    }

    /// The values below which the shares `of` of all values lie, given the least and the greatest
    /// value.
    pub(super) fn at(&self, of: &[f64], least: f64, greatest: f64) -> Option<Vec<f64>> {
        let mut sorted = self.clone();
        sorted.compress();
        let centroids = &sorted.centroids;
        let total: f64 = centroids.iter().map(|(_, weight)| weight).sum();
        if centroids.is_empty() {
            return None;
        }
        // Each centroid's mean lies in the middle of its weight; the extremes lie at the ends.
        let mut points = vec![(0.0, least)];
        let mut before = 0.0;
        for (mean, weight) in centroids {
            points.push((before + weight / 2.0, *mean));
            before += weight;
        }
        points.push((total, greatest));
        let at = |share: &f64| {
            let target = share * total;
            let next =
                points.partition_point(|(weight, _)| *weight < target).clamp(1, points.len() - 1);
            let ((w0, v0), (w1, v1)) = (points[next - 1], points[next]);
            let between = if w1 > w0 { (target - w0) / (w1 - w0) } else { 0.0 };
            (v0 + (v1 - v0) * between.clamp(0.0, 1.0)).clamp(least, greatest)
        };
        Some(of.iter().map(at).collect())
    }

    fn compress(&mut self) {
        self.centroids.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = self.centroids.iter().map(|(_, weight)| weight).sum();
        let mut kept: Vec<(f64, f64)> = Vec::with_capacity(COMPRESSION as usize);
        let (mut before, mut limit) = (0.0, limit_after(0.0));
        for (mean, weight) in &self.centroids {
            match kept.last_mut() {
                Some((last, sum)) if (before + *sum + weight) / total <= limit => {
                    *sum += weight;
                    *last += (mean - *last) * weight / *sum;
                }
                _ => {
                    before += kept.last().map_or(0.0, |(_, sum)| *sum);
                    limit = limit_after(before / total);
                    kept.push((*mean, *weight));
                }
            }
        }
        self.merged = kept.len();
        self.centroids = kept;
    }
}

/// Up to which share of the weight a centroid may reach that begins at `share`: little at the ends,
/// much in the middle.
fn limit_after(share: f64) -> f64 {
    let scale = COMPRESSION / std::f64::consts::TAU;
    let angle = (2.0 * share - 1.0).clamp(-1.0, 1.0).asin() + 1.0 / scale;
    if angle >= std::f64::consts::FRAC_PI_2 { 1.0 } else { (angle.sin() + 1.0) / 2.0 }
}

impl From<Vec<(f64, f64)>> for Quantiles {
    fn from(centroids: Vec<(f64, f64)>) -> Self {
        Self { merged: centroids.len(), centroids }
    }
}

impl From<Quantiles> for Vec<(f64, f64)> {
    fn from(mut quantiles: Quantiles) -> Self {
        quantiles.compress();
        quantiles.centroids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_uniform_and_of_a_skewed_column() {
        let n = 100_000;
        for power in [1, 4] {
            let value = |i: u64| ((i * 48_271 % n) as f64 / n as f64).powi(power);
            let mut parts = vec![Quantiles::default(); 7];
            (0..n).for_each(|i| parts[(i % 7) as usize].add(value(i), 1.0));
            let mut whole = Quantiles::default();
            parts.iter().for_each(|part| whole.merge(part));
            assert!(whole.centroids.len() <= COMPRESSION as usize + 2, "{}", whole.centroids.len());
            let shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
            for (share, found) in
                shares.iter().zip(whole.at(&shares, 0.0, 1.0).expect("there are values"))
            {
                let rank = found.powf(1.0 / f64::from(power));
                assert!((rank - share).abs() < 0.01, "{share}: {found} has rank {rank}");
            }
        }
    }

    #[test]
    fn few_values() {
        let mut one = Quantiles::default();
        assert_eq!(one.at(&[0.5], 0.0, 0.0), None);
        one.add(7.0, 1.0);
        assert_eq!(one.at(&[0.0, 0.5, 1.0], 7.0, 7.0), Some(vec![7.0; 3]));
    }
}
