"""Row keys are written to disk: a newer program must give every id the key that it had."""

from span_store.layout import first_row_keys

KEYS = {
    "0af7651916cd43dd8448eb211c80319c": 3202139251516899328,
    "0AF7651916CD43DD8448EB211C80319C": 3202139251516899328,
    "8448eb211c80319c": 3202139251516899328,
    "ffffffffffffffff": -1956407807200722944,
    "trace-1": 8623168267252400128,
    "+123456789abcdef": -7646411000979128320,
    "ünï-123456789abc": -8094586414500413440,
    "": 6378476285139615744,
}


def test_an_id_keeps_its_key() -> None:
    assert first_row_keys(KEYS).tolist() == list(KEYS.values())
    assert first_row_keys([*KEYS] * 20).tolist() == list(KEYS.values()) * 20
