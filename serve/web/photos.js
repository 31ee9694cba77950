// The routes of photos.

import { getJson, queryOf } from "/static/api.js";

const PAGE = 60;

/** @type {(query: Record<string, unknown>, options?: RequestOptions) => Promise<PhotosBody>} */
export const listPhotos = (query, options) => getJson(`/images${queryOf({ limit: PAGE, ...query })}`, options);

/** @type {(id: number, query: Record<string, unknown>, options?: RequestOptions) => Promise<PhotoBody>} */
export const getPhoto = (id, query, options) => getJson(`/images/${id}${queryOf(query)}`, options);

// The address of the photos with these people.
/** @type {(personIds: number[], match?: PhotoMatch) => string} */
export const photosAddress = (personIds, match = "all") => `#/photos?people=${personIds.join(",")}&match=${match}`;
