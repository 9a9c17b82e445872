//! Recognises the units of measurement that stand behind numbers.

/// Units, in no order. What may stand for thousands or millions (`k`, `M`, `m`, `B`, `T`) is not
/// among them: a number would lose it.
const UNITS: [&str; 102] = [
    // Mass and length.
    "kg", "mg", "\u{b5}g", "\u{3bc}g", "lb", "lbs", "oz", "km", "cm", "mm", "\u{b5}m", "nm", "mi",
    "ft", "yd", "inch", "in", "miles", "meters", "metres", "feet", // Area and volume.
    "m2", "m\u{b2}", "m3", "m\u{b3}", "km2", "km\u{b2}", "cm2", "cm3", "ha", "acres", "ml", "mL",
    "cl", "dl", "hl", "cc", "gal", "sqft", // Time.
    "ms", "\u{b5}s", "ns", "sec", "secs", "min", "mins", "hr", "hrs", "hours", "days", "weeks",
    "months", "years", "yrs", "yr", // Speed and frequency.
    "km/h", "kmh", "m/s", "mph", "kn", "Hz", "kHz", "MHz", "GHz", "bpm", "rpm",
    "fps", // Energy, electricity, pressure.
    "kW", "MW", "GW", "kWh", "MWh", "GWh", "Wh", "kJ", "MJ", "kcal", "cal", "mA", "mAh", "kV",
    "mV", "hPa", "kPa", "MPa", "mbar", "bar", "psi", "dB", // Temperature and angle.
    "\u{b0}C", "\u{b0}F", "\u{b0}", // Data and images.
    "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "px", "dpi",
];

/// Letters that are units where they stand apart from the number.
const LETTERS: [&str; 7] = ["g", "l", "L", "s", "h", "W", "V"];

/// Whether a text is a unit of measurement. `stands_apart`: there is a space before it.
pub(super) fn is_unit(text: &str, stands_apart: bool) -> bool {
    UNITS.contains(&text) || (stands_apart && LETTERS.contains(&text))
}
