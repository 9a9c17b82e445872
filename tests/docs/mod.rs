//! Checks that the documentation is true: its commands run and print what it shows, its links lead
//! somewhere, and its lists are complete. CONTRIBUTING.md says how a page is written for it.

mod commands;
mod glossary;
mod lists;
mod page;
mod style;
