"""The papers' values, to the last digit, and what is said of their arithmetic."""

from __future__ import annotations

import pytest

from zoo.errors import UsageError
from zoo.registry import get_registry
from zoo.report.tables import check_paper_arithmetic, dataset_title, load_table, table_names

TABLE2 = """
unet_128     13.6867 .2479  13.2131 .4167
unet_256     13.7892 .2686  12.7318 .4444
resnet_6     17.3956 .7071  13.3745 .4700
resnet_9     17.0300 .6900  13.3275 .4368
cut          13.3502 .3168  13.1813 .4214
gn_cyclegan  18.0699 .7491  13.5195 .4572
"""
TABLE3 = """
baseline  13.2131 .4167
resnet    13.3275 .4368
cbam      13.2403 .4530
gn        13.5195 .4572
"""
TABLE1 = """
pix2pix           117.082
thermalgan         93.704
layergan_reduced   75.447
layergan           34.890
"""

THERMALGEN = """
pix2pix         21.10 .72 127.62 .34  21.78 .68 174.81 .37  17.13 .54 224.11 .44  21.41 .61 146.26 .30
cyclegan        11.28 .42 171.37 .56  11.42 .35  99.14 .53  11.15 .32 137.97 .49  15.54 .46  91.37 .32
pix2pixhd       19.37 .67 112.31 .28  18.21 .61 121.05 .35  15.63 .49 164.53 .37  20.01 .56 127.63 .27
vqgan           21.02 .71  79.21 .26  22.27 .69 106.51 .38  16.95 .50 141.00 .40  21.71 .60  96.46 .23
ddim            11.15 .45 229.24 .70   7.35 .21 262.93 .79  11.24 .39 296.81 .71  10.96 .36 290.46 .76
bbdm            17.26 .61 120.79 .37  20.27 .62 145.86 .37  16.10 .45 177.81 .42  18.53 .49 141.06 .31
diffv2ir        -     -   -      -    -     -   -      -    -     -   -      -    18.17 .53  51.61 .21
diffv2ir_m3fd   22.76 .79  37.74 .13  10.16 .30 104.01 .57  11.29 .44 106.12 .45  -     -   -      -
diffv2ir_flir   12.68 .45  78.45 .43   6.80 .17 113.26 .64  22.39 .57  37.83 .18  -     -   -      -
thermalgen_l2   23.73 .81  35.82 .14  24.38 .76  52.31 .21  17.10 .52  70.09 .33  24.89 .75  29.05 .13
"""


def printed(name: str) -> dict[str, list[str]]:
    """Return each row's values as the table prints them, dataset by dataset."""
    table = load_table(name)
    return {
        row.name: [
            "-" if (value := row.value(dataset, column.name)) is None else f"{value:.{column.decimals}f}".lstrip("0")
            for dataset in table.datasets
            for column in table.columns
        ]
        for row in table.rows
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gn_cyclegan_table2", TABLE2),
        ("gn_cyclegan_table3", TABLE3),
        ("layergan_table1", TABLE1),
        ("thermalgen_table", THERMALGEN),
    ],
)
def test_the_papers_values_are_there_to_the_last_digit(name, text):
    lines = [line.split() for line in text.strip().splitlines()]
    assert printed(name) == {row: values for row, *values in lines}


def test_the_tables_are_found_and_no_other_file_is_one():
    assert table_names() == ["gn_cyclegan_table2", "gn_cyclegan_table3", "layergan_table1", "thermalgen_table"]
    with pytest.raises(UsageError, match="gn_cyclegan_table2"):
        load_table("gn_cyclegan_table4")


@pytest.mark.parametrize("name", table_names())
def test_every_row_and_baseline_is_a_system_that_exists(name):
    registry, table = get_registry(), load_table(name)
    for row in table.rows:
        if row.recipe:
            registry.find("recipe", row.recipe)
        elif not row.score_only:
            registry.find("method", row.method)
            registry.find("generator", row.generator)
            registry.find_discriminator(row.discriminator)
    for baseline in table.baselines:
        assert not registry.find("method", baseline).contract.uses
    for column in table.columns:
        registry.find("metric", column.metric)
    assert {table.proposed, table.reference} <= {row.name for row in table.rows}


@pytest.mark.parametrize("name", table_names())
def test_what_the_paper_leaves_open_is_said(name):
    protocol = load_table(name).protocol
    assert any(entry.paper.startswith("not stated") for entry in protocol)
    assert all(entry.what and entry.paper and entry.ours for entry in protocol)


def test_the_papers_arithmetic_is_checked():
    notes = check_paper_arithmetic(load_table("gn_cyclegan_table2"))
    assert any("32.2 %" in note and "32.03 %" in note for note in notes)
    assert any("SSIM on FLIR" in note and "ResNet-6's 0.4700" in note and "0.4572" in note for note in notes)
    assert len(notes) == 2
    assert pytest.approx(1.3203, abs=5e-5) == 18.0699 / 13.6867
    assert check_paper_arithmetic(load_table("layergan_table1")) == []


def test_datasets_are_written_as_their_authors_do():
    assert (dataset_title("roadscene"), dataset_title("FLIR"), dataset_title("mine")) == ("RoadScene", "FLIR", "mine")
