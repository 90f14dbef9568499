"""zoo's conformance suite, and the one number that the paper's code gives."""

from zoo.testing import ComponentTests


class TestNAFNet(ComponentTests):
    plugin = "zoo_nafnet"


def test_the_papers_network_has_the_published_number_of_parameters():
    from zoo_nafnet import NAFNetConfig
    from zoo_nafnet.network import NAFNet

    network = NAFNet(NAFNetConfig(out_channels=3))
    assert round(sum(parameter.numel() for parameter in network.parameters()) / 1e6, 2) == 29.16
