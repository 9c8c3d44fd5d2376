# SPDX-License-Identifier: Apache-2.0
"""The timeline tool on small predictions."""


def test_plot_timeline(tools, files, tmp_path, capsys):
    main = tools['plot_timeline'].main
    assert main([*files, '--out', str(tmp_path / 'all'), '--main-tiou', '.5']) == 0
    assert sorted(path.name for path in (tmp_path / 'all').iterdir()) == ['a_1.png', 'b.png']
    assert (
        main(
            [
                *files,
                '--out',
                str(tmp_path / 'one'),
                '--videos',
                'b',
                '--format',
                'svg',
                '--range',
                '2',
                '9',
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / 'one/b.svg')
    assert main([*files, '--out', str(tmp_path), '--videos', 'd']) == 1
    assert "['d']" in capsys.readouterr().err
