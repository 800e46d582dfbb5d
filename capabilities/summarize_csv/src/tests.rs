use super::*;
use capability_common::testing::with_world;
use serde_json::{json, Value};

fn summary(text: &str) -> Value {
    let output = summarize(serde_json::from_value(json!({"text": text})).unwrap()).unwrap();
    serde_json::from_str(&serde_json::to_string(&output).unwrap()).unwrap()
}

fn file(bytes: &[u8]) -> Result<Value, Error> {
    with_world(|world| world.files = [("t.csv".to_owned(), bytes.to_owned())].into());
    summarize(serde_json::from_value(json!({"path": "t.csv"})).unwrap())
        .map(|output| serde_json::from_str(&serde_json::to_string(&output).unwrap()).unwrap())
}

/// A summary of one column of these cells.
fn column(cells: &[&str]) -> Value {
    let rows: Vec<_> = cells
        .iter()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
        .collect();
    summary(&format!("c\n{}\n", rows.join("\n")))
}

fn of(summary: &Value) -> (&str, &Value) {
    (
        summary["columns"][0]["type"].as_str().unwrap(),
        &summary["columns"][0]["sum"],
    )
}

fn notes(summary: &Value) -> String {
    summary["notes"].as_array().map_or_else(String::new, |notes| {
        notes
            .iter()
            .map(|note| note.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(" ")
    })
}

fn names(summary: &Value) -> Vec<&str> {
    summary["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect()
}

#[test]
fn sums_are_exact() {
    let summary = column(&["0.1", "0.2"]);
    assert_eq!(of(&summary), ("number", &json!(0.3)));
    assert_eq!(summary["columns"][0]["mean"], json!(0.15));
    let huge = "9".repeat(37);
    assert_eq!(of(&column(&vec![huge.as_str(); 100])), ("integer", &Value::Null));
}

#[test]
fn types_join_to_the_narrowest_that_holds_all() {
    for (cells, kind) in [
        (vec!["1", "2.5", "n/a"], "number"),
        (vec!["2026-01-31", "2026-02-28"], "date"),
        (vec!["2026-02-30"], "text"),
        (vec!["1", "x"], "text"),
        (vec!["True", "false"], "boolean"),
        (vec!["", "NULL"], "empty"),
        (vec!["-", "-"], "empty"),
        (vec!["1_000"], "text"),
        (vec!["1", "2026-01-31"], "text"),
        (vec!["true", "1"], "text"),
    ] {
        assert_eq!(of(&column(&cells)).0, kind, "{cells:?}");
    }
}

#[test]
fn the_whole_column_decides_what_a_sign_means() {
    for (cells, sum, said) in [
        (
            vec!["1,50", "12,75", "1.234,00"],
            json!(1248.25),
            "',' is the decimal sign",
        ),
        (vec!["1,234", "0,5"], json!(1.734), "',' is the decimal sign"),
        (
            vec!["1,234", "5,678"],
            json!(6912),
            "',' stands between thousands; nothing",
        ),
        (vec!["1.234", "5.678"], json!(6.912), "'.' is the decimal sign; nothing"),
        (vec!["1,234", "5.5"], json!(1239.5), ""),
        (vec!["1.234", "1.234.567"], json!(1235801), ""),
        (vec!["1'234.50", "2'000.50"], json!(3235), ""),
        (vec!["1 234", "5"], json!(1239), ""),
    ] {
        let summary = column(&cells);
        assert_eq!(of(&summary).1, &sum, "{cells:?}");
        assert!(notes(&summary).contains(said), "{cells:?}: {}", notes(&summary));
    }
    let mixed = column(&["1.5", "2,5"]);
    assert_eq!(of(&mixed).0, "text");
    assert!(notes(&mixed).contains("some numbers have a decimal point, others a decimal comma"));
}

#[test]
fn the_rest_of_the_table_decides_where_a_column_cannot() {
    let summary = summary("a;b\n1,234;0,5\n2,345;0,7\n");
    assert_eq!(of(&summary).1, &json!(3.579));
    assert!(notes(&summary).contains("'1,234' it was assumed that ',' is the decimal sign, as elsewhere in the table"));
    let alone = self::summary("a;b\n1,234;x\n2,345;y\n");
    assert_eq!(of(&alone).1, &json!(3.579));
    let pointed = self::summary("a;b\n1,234;0.5\n");
    assert_eq!(of(&pointed).1, &json!(1234));
}

#[test]
fn currencies_and_percent_are_units() {
    let money = column(&["$1200.50", "$2,300.00", "(45.00)"]);
    assert_eq!(
        (of(&money).1, &money["columns"][0]["unit"]),
        (&json!(3455.5), &json!("$"))
    );
    assert!(notes(&money).contains("2 of 3 numbers have the sign '$'"));
    let share = column(&["45%", "55 %"]);
    assert_eq!((of(&share).1, &share["columns"][0]["unit"]), (&json!(100), &json!("%")));
    let mixed = column(&["$5", "5 €"]);
    assert_eq!(of(&mixed).0, "text");
    assert!(notes(&mixed).contains("different units ($, €) and are not added up"));
    assert!(notes(&column(&["45%", "0.5"])).contains("different units (% and none)"));
}

#[test]
fn quotes_tell_that_a_comma_is_no_delimiter() {
    assert_eq!(of(&summary("amount\n\"1,200\"\n\"3,400\"\n")).1, &json!(4600));
    assert_eq!(of(&summary("amount\n1,200\n3,400\n")).1, &json!(4.6));
}

#[test]
fn codes_are_text() {
    let zips = column(&["01234", "12345"]);
    assert_eq!(of(&zips).0, "text");
    assert!(notes(&zips).contains("codes such as '01234' are no quantities"));
}

#[test]
fn numbers_that_are_not_added_up_are_explained() {
    let summary = column(&["1", "2", "3", "about 4"]);
    assert!(notes(&summary).contains("1 of 4 values are no numbers, such as 'about 4'"));
    let long = "1".repeat(40);
    assert!(notes(&column(&[&long])).contains("more digits than are added up exactly"));
    assert!(notes(&column(&["#DIV/0!", "5"])).contains("1 cells hold an error of the spreadsheet"));
}

#[test]
fn a_dash_among_texts_is_a_value() {
    let texts = column(&["yes", "none", "-"]);
    assert_eq!(
        (&texts["columns"][0]["count"], &texts["columns"][0]["distinct"]),
        (&json!(3), &json!(3))
    );
    let numbers = column(&["1", "NaN", "3", "-", "None", "#N/A"]);
    assert_eq!(
        (of(&numbers).0, &numbers["columns"][0]["missing"]),
        ("integer", &json!(4))
    );
}

#[test]
fn lines_above_the_header_are_passed_over_with_a_note() {
    for text in [
        "Quarterly report\n\nregion,sales\nNorth,100\n",
        "Quarterly report,\n,\nregion,sales\nNorth,100\n",
        "# made by a tool\nregion,sales\nNorth,100\n",
        "# made by a tool, on 1 May\nregion,sales\nNorth,100\n",
        "Quarterly report\nregion;sales\nNorth;100\nSouth;200\n",
        "Report for Q1, all regions, final\n\nregion;sales\nNorth;100\nSouth;200\n",
        "Report\tQ1\n\nregion\tsales\nNorth\t100\n",
        "From:;2026-01-01;;\nTo:;2026-02-01;;\n;;;\nregion;sales;a;b\nNorth;100;x;y\nSouth;2;x;y\n",
    ] {
        let summary = summary(text);
        assert_eq!(names(&summary)[..2], ["region", "sales"], "{text}");
        assert!(notes(&summary).contains("above the header"), "{text}");
        assert!(summary["columns"][1]["sum"].is_number(), "{text}");
    }
}

#[test]
fn a_title_with_a_delimiter_is_no_header() {
    for title in [
        "Quarterly report, 2026",
        "Quarterly report, final",
        "Quarterly report, 2026\nBy, Finance",
    ] {
        let summary = summary(&format!("{title}\nregion,sales,cost\nNorth,100,50\nSouth,200,60\n"));
        assert_eq!(names(&summary), ["region", "sales", "cost"], "{title}");
        assert!(notes(&summary).contains("beginning with 'Quarterly report'"), "{title}");
        assert_eq!(
            (&summary["rows"], &summary["columns"][2]["sum"]),
            (&json!(2), &json!(110))
        );
    }
}

#[test]
fn values_cut_at_commas_are_not_added_up_unsaid() {
    let cut = summary("id,amount\n1,$1,234.50\n2,$2,000.00\n");
    assert_eq!((names(&cut), &cut["uneven_rows"]), (vec!["id", "amount"], &json!(2)));
    let said = "2 of 2 rows have more cells than the header: values may be cut at ','";
    assert!(notes(&cut).contains(said), "{}", notes(&cut));
    assert!(notes(&cut).contains("the sums of 'id', 'amount' are not to be trusted"));
    let few = summary("id,amount\n1,500\n2,750\n3,1,200\n");
    assert!(notes(&few).contains("1 of 3 rows have more cells than the header"));
    let texts = summary("name,city\nAnn,Paris,France\nBob,Rome,Italy\n");
    assert_eq!(names(&texts), ["name", "city"]);
    assert!(notes(&texts).contains("column. Put such values in quotes"));
    for whole in [
        "id,amount\n1,2,\n3,4,\n",
        "id,amount\n1,\"$1,234.50\"\n",
        "a,b,c\n1,2\n3\n",
    ] {
        assert!(!notes(&summary(whole)).contains("more cells"), "{whole}");
    }
}

#[test]
fn headers_stay_headers() {
    for (text, expected) in [
        ("#,name\n1,x\n2,y\n", vec!["#", "name"]),
        ("#id,name\n1,x\n", vec!["#id", "name"]),
        ("name,amount,\nA,1,x\nB,2,y\n", vec!["name", "amount", "column 3"]),
        ("a|b\n1\n2|\n3||\n", vec!["a", "b"]),
        ("2023,2024\n1,2\n", vec!["2023", "2024"]),
        ("a,b\nx,y,z\n", vec!["a", "b"]),
        ("a,b\nx,y,z\nv,1,w\nu,s,t\n", vec!["a", "b"]),
        ("name,amount\nAnn,1,234.50\nBob,2,000\n", vec!["name", "amount"]),
        ("name,city\n\nAnn,Rome\nBob,Oslo\n", vec!["name", "city"]),
        ("name\nx\ny\n", vec!["name"]),
        ("a,a,,a\n1,2,3,4\n", vec!["a", "a (2)", "column 3", "a (3)"]),
        ("a (2),a,a\n1,2,3\n", vec!["a (2)", "a", "a (3)"]),
    ] {
        assert_eq!(names(&summary(text)), expected, "{text}");
    }
    assert!(notes(&summary("1,2\n3,4\n")).contains("looks like data"));
    assert!(notes(&summary("a,a\n1,2\n")).contains("Several columns are called 'a'"));
}

#[test]
fn delimiters_are_found_out() {
    for (text, delimiter, columns) in [
        ("amount;label\n1,50;coffee\n12,75;lunch\n", ";", 2),
        ("a;b\n1,5;2,5\n", ";", 2),
        ("name\tnote\nA\thello, world\nB\tx, y, z\n", "\t", 2),
        ("sep=;\r\nname;amount\r\nA;1\r\n", ";", 2),
        ("\"sep=|\"\na|b,c\n1|2\n", "|", 2),
        ("amount\n1,50\n2,75\n", ";", 1),
        ("amount\n1,234\n5,678\n", ";", 1),
        ("a,b\n1,2\n3,4\n", ",", 2),
        ("one\n", ",", 1),
        ("Betrag, netto;Datum\n1,50;2026-01-01\n", ";", 2),
        ("a,b,c\n1,2\n1,2,3,4\n", ",", 3),
        ("note\nhello, world\nfoo\nbar, baz, qux\nx\n", ";", 1),
    ] {
        let summary = summary(text);
        assert_eq!(
            (summary["delimiter"].as_str().unwrap(), names(&summary).len()),
            (delimiter, columns),
            "{text}"
        );
        assert_eq!(
            summary["uneven_rows"],
            json!(if columns == 3 { 2 } else { 0 }),
            "{text}"
        );
    }
}

#[test]
fn comments_blank_rows_and_totals_are_noticed() {
    let commented = summary("a,b\n1,2\n# the rest is missing\n3,4\n,\n\n# end\n");
    assert_eq!((&commented["rows"], of(&commented).1), (&json!(2), &json!(4)));
    assert!(notes(&commented).contains("2 lines that begin with '#' were left out. 1 rows without any value"));
    let remarked = summary("a,b\n1,2\n3,4\n\n\nSource: the office\n(preliminary)\n");
    assert_eq!(
        (&remarked["rows"], of(&remarked).1, &remarked["uneven_rows"]),
        (&json!(2), &json!(4), &json!(0))
    );
    assert!(notes(&remarked).contains("2 lines apart from the table were left out, such as 'Source: the office'"));
    assert!(notes(&summary("region,sales\nNorth,1\nTotal,1\n")).contains("looks like totals"));
}

#[test]
fn files_of_other_encodings_are_read() {
    let german = "Name;Straße\nMüller;Köln\n";
    let latin: Vec<u8> = german.chars().map(|letter| letter as u8).collect();
    let utf16: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(german.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, said) in [
        (latin, "read as Windows-1252"),
        (utf16, "read as UTF-16LE"),
        (german.into(), ""),
    ] {
        let summary = file(&bytes).unwrap();
        assert_eq!(names(&summary), ["Name", "Straße"]);
        assert_eq!(summary["columns"][1]["top"][0]["value"], "Köln");
        assert!(notes(&summary).contains(said));
    }
    assert_eq!(file(b"PK\x03\x04...").unwrap_err().code, "not_text");
    assert_eq!(file(b"a\x00\xff\x01b").unwrap_err().code, "not_text");
}

#[test]
fn an_open_quote_does_not_swallow_the_rest() {
    let summary = summary("a,b\n1,x\n\"2,y\n3,z\n");
    assert_eq!((&summary["rows"], &summary["uneven_rows"]), (&json!(3), &json!(0)));
    assert!(notes(&summary).contains("The quote in line 3 is never closed"));
}

#[test]
fn what_is_told_is_bounded() {
    let wide = summary(&format!("{}\n{}\n", "x,".repeat(5000), "1,".repeat(5000)));
    assert_eq!(names(&wide).len(), MOST_COLUMNS);
    assert!(notes(&wide).contains("Only the first 2000 of 5001 columns"));
    let many: Vec<_> = (0..=10_000).map(|number| format!("v{number}")).collect();
    let many = summary(&format!("c\n{}\n", many.join("\n")));
    assert_eq!(
        (&many["columns"][0]["distinct"], &many["columns"][0]["count"]),
        (&Value::Null, &json!(10_001))
    );
    let long = summary(&format!("c\n{}\n", "y".repeat(1_000_000)));
    assert_eq!(
        long["columns"][0]["top"][0]["value"].as_str().unwrap().chars().count(),
        201
    );
}
