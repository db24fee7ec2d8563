"""What several folders of tests share: grids, servers, certificates, fakes."""
