"""The paper: a file for each of its tables, figures and case studies, beside what was published."""
