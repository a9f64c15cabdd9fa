"""Settings of nbgrader for the course labs: copied into the teacher's `~/.jupyter`, where *Formgrader* finds them, too."""

from nbgrader.preprocessors import NbGraderPreprocessor

c = get_config()  # noqa: F821 (nbgrader gives it)

c.CourseDirectory.course_id = "contav"

# A cell that takes longer is stopped and scores nothing; the cells after it are run all the same.
c.Execute.timeout = 180  # on a busy machine the imports alone may take a minute
c.Execute.iopub_timeout = 60
c.Execute.interrupt_on_timeout = True

# Cells tagged "slow" load data, train or play: no test needs what they do, and grading takes seconds instead of minutes.
c.Execute.skip_cells_with_tag = "slow"


class NoTags(NbGraderPreprocessor):
    """Take the tags off marked cells: a test that is skipped would score all its points."""

    def preprocess_cell(self, cell, resources, index):
        if "nbgrader" in cell.metadata:
            cell.metadata.pop("tags", None)
        return cell, resources


c.Autograde.sanitize_preprocessors.prepend([NoTags])
