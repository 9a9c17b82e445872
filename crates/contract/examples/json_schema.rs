//! Prints the JSON Schema of contracts.

fn main() {
    println!("{:#}", contract::json_schema());
}
