# Every function that a public header declares stands in a group (lines without a blank one between)
# that has a comment above it or beside it.
FNR == 1 { commented = in_note = 0 }
/^[ \t]*$/ { if (!in_note) commented = 0; next }
/\/\*/ { commented = 1; in_note = 1 }
/\*\// { in_note = 0 }
in_note { next }
/^[A-Za-z_][A-Za-z0-9_ *]*[ *]px_[a-z0-9_]+\(/ && !/^(typedef|static|return)/ {
    if (!commented) {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        print FILENAME ":" FNR ": " name " has no contract; say above it what it does, owns and returns"
    }
}
