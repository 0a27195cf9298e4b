/** Where users start. */
@NullMarked
package dev.warpwright;

import org.jspecify.annotations.NullMarked;
