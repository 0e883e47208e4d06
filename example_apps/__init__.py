"""Example applications: one small menu of well-behaved and leaking endpoints per framework, and a demo of them all."""
