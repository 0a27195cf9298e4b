/** Case generators, comparators and contract tests for kernel providers. */
@NullMarked
package dev.warpwright.testkit;

import org.jspecify.annotations.NullMarked;
